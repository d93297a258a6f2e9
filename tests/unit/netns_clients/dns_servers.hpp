/// Small servers on loopback for the tests of clients and checks. They live on the test's own loop: no threads, no sleeps.
#pragma once

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "tests/unit/netns_clients/dns_wire.hpp"

namespace vpn_sentinel::test {

namespace asio = boost::asio;

inline IpAddress loopback(Family family = Family::v4) { return *IpAddress::parse(family == Family::v4 ? "127.0.0.1" : "::1"); }

/// An opener of this namespace that counts.
inline SocketOpener counting_opener(int& count) {
  return [&count](int domain, int type, int protocol) -> Result<Fd> {
    ++count;
    Fd socket(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!socket) return fail(system_error(errno, "socket"));
    return socket;
  };
}

/// Runs the loop until `value` is there; false after `limit`, which only a broken test reaches.
template <typename T>
bool run_until(asio::io_context& io, const std::optional<T>& value, std::chrono::milliseconds limit = std::chrono::seconds{10}) {
  const auto end = std::chrono::steady_clock::now() + limit;
  io.restart();
  while (!value && std::chrono::steady_clock::now() < end) {
    if (io.run_one_until(end) == 0) break;
  }
  return value.has_value();
}

/// Answers each datagram with what `reply` says: none, one or many.
class UdpServer {
 public:
  using Reply = std::function<Messages(const Message& query)>;
  UdpServer(asio::io_context& io, Reply reply, Family family = Family::v4)
      : socket_(io, asio::ip::udp::endpoint(asio::ip::make_address(loopback(family).to_string()), 0)),
        family_(family),
        reply_(std::move(reply)) {
    receive();
  }
  /// On a socket that is bound already, maybe in another namespace.
  UdpServer(asio::io_context& io, Fd bound, Reply reply) : socket_(io), family_(Family::v4), reply_(std::move(reply)) {
    socket_.assign(asio::ip::udp::v4(), bound.release());
    receive();
  }
  [[nodiscard]] Endpoint endpoint() const { return {loopback(family_), socket_.local_endpoint().port()}; }
  /// To another free port, because something else has the TCP port of the same number.
  void move() {
    socket_ = asio::ip::udp::socket(socket_.get_executor(), asio::ip::udp::endpoint(socket_.local_endpoint().address(), 0));
    receive();
  }
  [[nodiscard]] int queries() const { return queries_; }
  /// Ports from which questions came.
  [[nodiscard]] const std::vector<unsigned short>& ports() const { return ports_; }

 private:
  void receive() {
    buffer_.resize(2048);
    socket_.async_receive_from(asio::buffer(buffer_), from_, [this](const boost::system::error_code& error, std::size_t size) {
      if (error == asio::error::operation_aborted) return;
      if (!error) answer(size);
      receive();
    });
  }
  void answer(std::size_t size) {
    ++queries_;
    ports_.push_back(from_.port());
    buffer_.resize(size);
    boost::system::error_code ignored;
    for (const auto& message : reply_(buffer_)) socket_.send_to(asio::buffer(message), from_, 0, ignored);
  }

  asio::ip::udp::socket socket_;
  Family family_;
  Reply reply_;
  asio::ip::udp::endpoint from_;
  Message buffer_;
  int queries_ = 0;
  std::vector<unsigned short> ports_;
};

/// DNS over TCP for one connection on the port of `udp`; sends the answer in pieces of one byte.
class TcpDnsServer {
 public:
  using Reply = std::function<Message(const Message& query)>;
  TcpDnsServer(asio::io_context& io, UdpServer& udp, Reply reply) : acceptor_(io), socket_(io), reply_(std::move(reply)) {
    acceptor_.open(asio::ip::tcp::v4());
    for (int tries = 0; tries < 20; ++tries) {
      boost::system::error_code taken;
      acceptor_.bind({asio::ip::address_v4::loopback(), udp.endpoint().port}, taken);
      if (!taken) break;
      udp.move();
    }
    acceptor_.listen();
    acceptor_.async_accept(socket_, [this](const boost::system::error_code& error) {
      if (!error) read_length();
    });
  }

 private:
  void read_length() {
    in_.resize(2);
    asio::async_read(socket_, asio::buffer(in_), [this](const boost::system::error_code& error, std::size_t) {
      if (!error) read_message((std::to_integer<std::size_t>(in_[0]) << 8U) + std::to_integer<std::size_t>(in_[1]));
    });
  }
  void read_message(std::size_t length) {
    in_.resize(length);
    asio::async_read(socket_, asio::buffer(in_), [this](const boost::system::error_code& error, std::size_t) {
      if (error) return;
      const auto message = reply_(in_);
      if (message.empty()) return socket_.close();
      put16(out_, static_cast<unsigned>(message.size()));
      out_.insert(out_.end(), message.begin(), message.end());
      socket_.set_option(asio::ip::tcp::no_delay(true));
      write_byte(0);
    });
  }
  void write_byte(std::size_t at) {
    if (at == out_.size()) return;
    asio::async_write(socket_, asio::buffer(&out_[at], 1), [this, at](const boost::system::error_code& error, std::size_t) {
      if (!error) write_byte(at + 1);
    });
  }

  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket socket_;
  Reply reply_;
  Message in_;
  Message out_;
};

/// A port on which nobody listens: bound until asked for, then free.
inline unsigned short closed_udp_port(asio::io_context& io) {
  const asio::ip::udp::socket socket(io, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0));
  return socket.local_endpoint().port();
}
inline unsigned short closed_tcp_port(asio::io_context& io) {
  const asio::ip::tcp::acceptor acceptor(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

}  // namespace vpn_sentinel::test
