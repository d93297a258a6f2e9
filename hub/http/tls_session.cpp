#include "hub/http/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <utility>

namespace vpn_sentinel {
namespace {

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

int finish_call(BIO* bio, ssize_t count, int retry_flag) {
  BIO_clear_retry_flags(bio);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(count);
}

/// As OpenSSL's own socket BIO, but a peer that has gone never raises SIGPIPE.
int send_bytes(BIO* bio, const char* bytes, int size) {
  return finish_call(bio, send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

int receive_bytes(BIO* bio, char* bytes, int size) {
  const auto count = recv(fd_of(bio), bytes, static_cast<std::size_t>(size), 0);
  const int result = finish_call(bio, count, BIO_FLAGS_READ);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return result;
}

long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
  auto* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
  if (method == nullptr) return nullptr;
  BIO_meth_set_write(method, send_bytes);
  BIO_meth_set_read(method, receive_bytes);
  BIO_meth_set_ctrl(method, control);
  return method;
}

BIO* make_bio(int fd) {
  static const auto* const method = make_method();  // for the life of the process
  auto* const bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));  // NOLINT(performance-no-int-to-ptr): OpenSSL keeps it
  BIO_set_init(bio, 1);
  return bio;
}

/// What an earlier call on this thread left behind would be taken for this one's failure.
void begin_call() {
  ERR_clear_error();
  errno = 0;
}

int to_int(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max())); }

}  // namespace

void TlsSession::FreeSsl::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }

std::unique_ptr<TlsSession> TlsSession::make(SSL_CTX& context, int fd) {
  ERR_clear_error();
  auto* const ssl = SSL_new(&context);
  if (ssl == nullptr) return nullptr;
  std::unique_ptr<TlsSession> session(new TlsSession(ssl));
  auto* const bio = make_bio(fd);
  if (bio == nullptr) return nullptr;
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  return session;
}

void TlsSession::handshake(ErrorCode& error) {
  begin_call();
  judge(SSL_do_handshake(ssl_.get()), error);
}

std::size_t TlsSession::read(std::span<char> buffer, ErrorCode& error) {
  begin_call();
  const int count = SSL_read(ssl_.get(), buffer.data(), to_int(buffer.size()));
  judge(count, error);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t TlsSession::write(std::string_view bytes, ErrorCode& error) {
  error = {};
  if (bytes.empty()) return 0;
  begin_call();
  const int count = SSL_write(ssl_.get(), bytes.data(), to_int(bytes.size()));
  judge(count, error);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void TlsSession::shutdown() {
  if (broken_ || SSL_is_init_finished(ssl_.get()) == 0) return;
  broken_ = true;  // nothing is written after it
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl_.get()));
}

void TlsSession::judge(int result, ErrorCode& error) {
  const int system = errno;
  wants_write_ = false;
  error = {};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      error = boost::asio::error::would_block;
      return;
    case SSL_ERROR_ZERO_RETURN:
      error = boost::asio::error::eof;
      return;
    case SSL_ERROR_SYSCALL:
      error = system != 0 ? ErrorCode(system, boost::system::system_category()) : ErrorCode(boost::asio::error::eof);
      break;
    default:
      met_plain_http_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
      error = ErrorCode(EPROTO, boost::system::system_category());
  }
  broken_ = true;
  ERR_clear_error();
}

}  // namespace vpn_sentinel
