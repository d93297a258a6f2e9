/// A peer that says exactly what a test wants, byte by byte.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

class RawClient {
 public:
  explicit RawClient(const Endpoint& server);

  void send(std::string_view bytes);
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

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_{io_};
  std::string input_;
};

/// "200" of "HTTP/1.1 200 OK…".
int status_of(std::string_view reply);
/// The value of a header in a reply, empty when absent.
std::string header_of(std::string_view reply, std::string_view name);
std::string body_of(std::string_view reply);

}  // namespace vpn_sentinel
