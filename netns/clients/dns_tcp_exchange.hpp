/// One DNS message there and one back over TCP (RFC 7766), for answers that do not fit into a datagram.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Made by make_shared; lives as long as it has work or is held. Used on the loop's thread only. It has no deadline of its own.
class DnsTcpExchange : public std::enable_shared_from_this<DnsTcpExchange> {
 public:
  using Handler = std::function<void(Result<std::vector<std::byte>>)>;
  DnsTcpExchange(boost::asio::io_context& io, Endpoint server) : socket_(io), server_(server) {}

  /// Connects `socket` (not connected yet) and sends `message`, at most 65,535 bytes. The handler is called once, never from inside
  /// start(), with the answer without its length, or with unreachable or failed.
  void start(Fd socket, const std::vector<std::byte>& message, Handler handler);
  /// The handler is not called any more.
  void cancel();

 private:
  void send();
  void receive_length();
  void receive_message();
  void finish(Result<std::vector<std::byte>> result);
  void finish_failed(const boost::system::error_code& error);

  boost::asio::ip::tcp::socket socket_;
  Endpoint server_;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  Handler handler_;
};

}  // namespace vpn_sentinel
