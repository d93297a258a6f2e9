/// A small HTTP/1.1 server on the test's own loop: one reply for each request, connections stay open unless told otherwise.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel::test {

/// A whole reply with its length.
inline std::string http_reply(const std::string& body, const std::string& status = "200 OK", const std::string& more_headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_headers + "\r\n" + body;
}

class HttpServer {
 public:
  /// The whole request in, the whole reply out; an empty reply means silence, "close" closes the connection.
  using Reply = std::function<std::string(const std::string& request)>;
  HttpServer(boost::asio::io_context& io, Reply reply, const char* address = "127.0.0.1")
      : acceptor_(io, {boost::asio::ip::make_address(address), 0}), reply_(std::move(reply)) {
    accept();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] unsigned short port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port()) + path; }
  [[nodiscard]] int accepted() const { return accepted_; }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  void close_connections() { connections_.clear(); }

 private:
  struct Connection {
    explicit Connection(boost::asio::ip::tcp::socket accepted) : socket(std::move(accepted)) {}
    boost::asio::ip::tcp::socket socket;
    boost::asio::streambuf in;
    std::string out;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, boost::asio::ip::tcp::socket socket) {
      if (error) return;
      ++accepted_;
      connections_.push_back(std::make_shared<Connection>(std::move(socket)));
      read(connections_.back());
      accept();
    });
  }
  void read(const ConnectionPtr& connection) {
    boost::asio::async_read_until(connection->socket, connection->in, "\r\n\r\n",
                                  [this, weak = std::weak_ptr(connection)](const boost::system::error_code& error, std::size_t size) {
                                    const auto alive = weak.lock();
                                    if (alive && !error) read_body(alive, size);
                                  });
  }
  void read_body(const ConnectionPtr& connection, std::size_t head_size) {
    const auto data = connection->in.data();
    const std::string got(boost::asio::buffers_begin(data), boost::asio::buffers_end(data));
    const auto at = got.find("Content-Length: ");
    const std::size_t body = at == std::string::npos ? 0 : std::strtoul(got.c_str() + at + 16, nullptr, 10);
    const std::size_t whole = head_size + body;
    const std::size_t missing = got.size() < whole ? whole - got.size() : 0;
    boost::asio::async_read(connection->socket, connection->in, boost::asio::transfer_exactly(missing),
                            [this, weak = std::weak_ptr(connection), whole](const boost::system::error_code& error, std::size_t) {
                              const auto alive = weak.lock();
                              if (alive && !error) answer(alive, whole);
                            });
  }
  void answer(const ConnectionPtr& connection, std::size_t size) {
    const auto data = connection->in.data();
    requests_.emplace_back(boost::asio::buffers_begin(data), boost::asio::buffers_begin(data) + static_cast<std::ptrdiff_t>(size));
    connection->in.consume(size);
    connection->out = reply_(requests_.back());
    if (connection->out == "close") {
      connection->socket.close();
    } else if (!connection->out.empty()) {
      boost::asio::async_write(connection->socket, boost::asio::buffer(connection->out),
                               [this, weak = std::weak_ptr(connection)](const boost::system::error_code& error, std::size_t) {
                                 const auto alive = weak.lock();
                                 if (alive && !error) read(alive);
                               });
    }
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  Reply reply_;
  int accepted_ = 0;
  std::vector<std::string> requests_;
  std::vector<ConnectionPtr> connections_;
};

}  // namespace vpn_sentinel::test
