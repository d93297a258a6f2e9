#include "raw_client.hpp"

#include <poll.h>
#include <sys/socket.h>

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

}  // namespace

RawClient::RawClient(const Endpoint& server) { socket_.connect({asio::ip::make_address(server.address.to_string()), server.port}); }

void RawClient::send(std::string_view bytes) {
  boost::system::error_code ignored;  // the server may have closed: what it said before is what the test looks at
  asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
}

bool RawClient::fill() {
  pollfd wait{socket_.native_handle(), POLLIN, 0};
  if (poll(&wait, 1, patience_ms) <= 0) return false;
  std::array<char, 16384> buffer{};
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
