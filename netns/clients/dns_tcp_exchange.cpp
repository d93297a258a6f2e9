#include "netns/clients/dns_tcp_exchange.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <utility>

namespace vpn_sentinel {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

asio::ip::tcp::endpoint asio_endpoint(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const auto length = endpoint.to_sockaddr(storage);
  asio::ip::tcp::endpoint result;
  std::memcpy(result.data(), &storage, length);
  result.resize(length);
  return result;
}

}  // namespace

void DnsTcpExchange::start(Fd socket, const std::vector<std::byte>& message, Handler handler) {
  handler_ = std::move(handler);
  out_ = {static_cast<std::byte>(message.size() >> 8U), static_cast<std::byte>(message.size() & 0xffU)};
  out_.insert(out_.end(), message.begin(), message.end());
  error_code error;
  socket_.assign(server_.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), socket.get(), error);
  if (error) {
    asio::post(socket_.get_executor(), [self = shared_from_this(), error] { self->finish_failed(error); });
    return;
  }
  std::ignore = socket.release();  // closed by socket_ from here on
  socket_.async_connect(asio_endpoint(server_),
                        [self = shared_from_this()](const error_code& failed) { failed ? self->finish_failed(failed) : self->send(); });
}

void DnsTcpExchange::cancel() {
  handler_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
}

void DnsTcpExchange::send() {
  asio::async_write(socket_, asio::buffer(out_), [self = shared_from_this()](const error_code& error, std::size_t) {
    error ? self->finish_failed(error) : self->receive_length();
  });
}

void DnsTcpExchange::receive_length() {
  in_.resize(2);
  asio::async_read(socket_, asio::buffer(in_), [self = shared_from_this()](const error_code& error, std::size_t) {
    error ? self->finish_failed(error) : self->receive_message();
  });
}

void DnsTcpExchange::receive_message() {
  const auto length = (std::to_integer<std::size_t>(in_[0]) << 8U) | std::to_integer<std::size_t>(in_[1]);
  in_.resize(length);
  asio::async_read(socket_, asio::buffer(in_), [self = shared_from_this()](const error_code& error, std::size_t) {
    error ? self->finish_failed(error) : self->finish(std::move(self->in_));
  });
}

void DnsTcpExchange::finish(Result<std::vector<std::byte>> result) {
  auto handler = std::exchange(handler_, nullptr);
  cancel();
  if (handler) handler(std::move(result));
}

void DnsTcpExchange::finish_failed(const error_code& error) {
  const auto what = fmt::format("DNS server {} over TCP", server_.to_string());
  if (error == asio::error::eof) {
    finish(fail(Error::Kind::failed, what + ": the connection was closed before the answer was complete"));
  } else {
    finish(fail(system_error(error.value(), what)));
  }
}

}  // namespace vpn_sentinel
