#include "raw_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <csignal>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;

/// No test waits longer than this for a server that says nothing.
constexpr int patience_ms = 10'000;

/// OpenSSL writes with write(2). Only for this thread and while it lives: the server must not need it.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec at_once{};
    sigtimedwait(&sigpipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
};

}  // namespace

RawClient::RawClient(const Endpoint& server, const std::string& local) {
  const asio::ip::tcp::endpoint to(asio::ip::make_address(server.address.to_string()), server.port);
  socket_.open(to.protocol());
  if (!local.empty()) socket_.bind({asio::ip::make_address(local), 0});
  socket_.connect(to);
}

bool RawClient::start_tls(const TlsWishes& wishes) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!wishes.ca.empty()) {
    SSL_CTX_load_verify_locations(context.get(), wishes.ca.c_str(), nullptr);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!wishes.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context.get(), wishes.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), wishes.key.c_str(), SSL_FILETYPE_PEM);
  }
  if (wishes.highest_version != 0) SSL_CTX_set_max_proto_version(context.get(), wishes.highest_version);
  ssl_.reset(SSL_new(context.get()));
  const auto& protocols = wishes.protocols;
  if (!protocols.empty())
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()), static_cast<unsigned>(protocols.size()));
  if (wishes.session != nullptr) SSL_set_session(ssl_.get(), wishes.session);
  SSL_set_fd(ssl_.get(), socket_.native_handle());
  const NoSigpipe guard;
  return SSL_connect(ssl_.get()) == 1;
}

void RawClient::send(std::string_view bytes) {
  const NoSigpipe guard;
  if (ssl_) return static_cast<void>(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
  boost::system::error_code ignored;  // the server may have closed: what it said before is what the test looks at
  asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
}

std::size_t RawClient::send_until_blocked(std::string_view bytes, std::size_t most) {
  std::size_t sent = 0;
  pollfd wait{socket_.native_handle(), POLLOUT, 0};
  while (sent < most && poll(&wait, 1, 100) > 0) {
    const auto rest = bytes.substr(sent % bytes.size());
    const auto count = ::send(socket_.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

bool RawClient::fill() {
  pollfd wait{socket_.native_handle(), POLLIN, 0};
  const bool waiting = ssl_ && SSL_pending(ssl_.get()) > 0;
  if (!waiting && poll(&wait, 1, patience_ms) <= 0) return false;
  std::array<char, 16384> buffer{};
  if (ssl_) {
    const NoSigpipe guard;
    const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) input_.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
  }
  boost::system::error_code error;
  const auto count = socket_.read_some(asio::buffer(buffer), error);
  input_.append(buffer.data(), count);
  return !error;
}

std::string RawClient::read_reply(bool has_body) {
  std::size_t end = std::string::npos;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  std::size_t size = end + 4;
  const auto length = header_of(input_.substr(0, size), "Content-Length");
  if (has_body && !length.empty()) size += std::stoul(length);
  while (input_.size() < size) {
    if (!fill()) return {};
  }
  auto reply = input_.substr(0, size);
  input_.erase(0, size);
  return reply;
}

std::string RawClient::read_bytes(std::size_t count) {
  while (input_.size() < count && fill()) {
  }
  auto bytes = input_.substr(0, count);
  input_.erase(0, bytes.size());
  return bytes;
}

bool RawClient::closed_within(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{socket_.native_handle(), POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
    std::array<char, 65536> buffer{};
    boost::system::error_code error;
    socket_.read_some(asio::buffer(buffer), error);
    if (error) return true;
  }
}

void RawClient::shrink_receive_buffer() {
  const int size = 4096;
  setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int status_of(std::string_view reply) {
  int status = 0;
  if (reply.size() > 12) std::from_chars(reply.data() + 9, reply.data() + 12, status);
  return status;
}

std::string header_of(std::string_view reply, std::string_view name) {
  const auto end = reply.find("\r\n\r\n");
  std::size_t line = reply.find("\r\n");
  while (line != std::string_view::npos && line < end) {
    const auto start = line + 2;
    line = reply.find("\r\n", start);
    const auto text = reply.substr(start, line - start);
    const auto colon = text.find(": ");
    if (colon != std::string_view::npos && equal_ignoring_case(text.substr(0, colon), name)) return std::string(text.substr(colon + 2));
  }
  return {};
}

std::string body_of(std::string_view reply) {
  const auto end = reply.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(reply.substr(end + 4));
}

}  // namespace vpn_sentinel
