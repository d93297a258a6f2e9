/// A peer that says exactly what a test wants, byte by byte.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// What a client brings to a TLS handshake.
struct TlsWishes {
  std::string ca;           ///< file; empty: the server is not verified
  std::string certificate;  ///< file, shown when the server asks
  std::string key;
  std::string protocols = {};  ///< as RFC 7301 writes them, each with its length before it
  int highest_version = 0;     ///< TLS1_2_VERSION; 0: the newest
  SSL_SESSION* session = nullptr;
};

class RawClient {
 public:
  /// `local` is an address of this machine to come from; empty: any.
  explicit RawClient(const Endpoint& server, const std::string& local = {});

  /// Everything after it goes through TLS. False: the handshake failed. (A server that refuses a TLS 1.3 client's certificate says so
  /// only afterwards.)
  bool start_tls(const TlsWishes& wishes = {});
  [[nodiscard]] SSL* tls() const { return ssl_.get(); }
  void send(std::string_view bytes);
  /// Repeats `bytes` until the kernel has taken none for 100 ms, or `most` were sent; returns how many were.
  std::size_t send_until_blocked(std::string_view bytes, std::size_t most);
  /// One reply with its body (Content-Length, or none for HEAD and 1xx); empty when the server closed first.
  std::string read_reply(bool has_body = true);
  /// Exactly `count` bytes, or fewer when the server closes.
  std::string read_bytes(std::size_t count);
  /// True when the server closes (or resets) within `limit`; what it sends until then is thrown away.
  bool closed_within(std::chrono::milliseconds limit);
  void close() { socket_.close(); }
  void shrink_receive_buffer();

 private:
  bool fill();

  std::unique_ptr<boost::asio::io_context> io_ = std::make_unique<boost::asio::io_context>();
  boost::asio::ip::tcp::socket socket_{*io_};
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
  std::string input_;
};

/// "200" of "HTTP/1.1 200 OK…".
int status_of(std::string_view reply);
/// The value of a header in a reply, empty when absent.
std::string header_of(std::string_view reply, std::string_view name);
std::string body_of(std::string_view reply);

}  // namespace vpn_sentinel
