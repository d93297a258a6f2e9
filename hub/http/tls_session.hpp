/// The server's side of one TLS session, straight on a non-blocking socket: OpenSSL reads and writes the descriptor itself. A pair of
/// buffers between the two (asio::ssl::stream) made an idle connection five times as big.
#pragma once

#include <openssl/types.h>

#include <boost/system/error_code.hpp>
#include <memory>
#include <span>
#include <string_view>

namespace vpn_sentinel {

/// Not thread-safe. Every call returns at once; `error` becomes asio::error::would_block when it must be repeated (a write with the same
/// bytes) once the socket is ready for wants_write() ? writing : reading.
class TlsSession {
 public:
  using ErrorCode = boost::system::error_code;

  /// `fd` stays the caller's and must outlive the session. Null: no memory.
  [[nodiscard]] static std::unique_ptr<TlsSession> make(SSL_CTX& context, int fd);

  void handshake(ErrorCode& error);
  /// 0 only with an error; asio::error::eof when the peer said goodbye or closed.
  std::size_t read(std::span<char> buffer, ErrorCode& error);
  /// May take less than all.
  std::size_t write(std::string_view bytes, ErrorCode& error);
  /// Says goodbye (close_notify) if the session still stands; does not wait.
  void shutdown();

  [[nodiscard]] bool wants_write() const noexcept { return wants_write_; }
  /// The handshake failed because the peer speaks HTTP without TLS.
  [[nodiscard]] bool met_plain_http() const noexcept { return met_plain_http_; }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const noexcept;
  };
  explicit TlsSession(SSL* ssl) : ssl_(ssl) {}
  /// What an OpenSSL call that returned `result` means.
  void judge(int result, ErrorCode& error);

  std::unique_ptr<SSL, FreeSsl> ssl_;
  bool wants_write_ = false;
  bool broken_ = false;
  bool met_plain_http_ = false;
};

}  // namespace vpn_sentinel
