/// One DNS question to one server over a socket made in the right namespace. ldns builds and parses, our own connected socket carries
/// (RFC 1035, RFC 6891; reference: ldns's own resolver accepts forged answers and blocks for 15 s).
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/clients/dns_message.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

struct DnsOptions {
  SocketOpener open_socket;                    ///< empty: the process's own namespace
  std::string bind_device;                     ///< SO_BINDTODEVICE; empty: the routes decide
  std::chrono::milliseconds timeout{2000};     ///< for all tries together: an absolute deadline
  std::chrono::milliseconds retry_after{700};  ///< a new try (new socket, port and id) when nothing came; 0: one try only
};

/// Used on the loop's thread only. Earlier tries keep listening beside later ones, so that a path slower than `retry_after` still gets
/// its answer. Errors: timed_out; unreachable (no route, or the port is closed: told at once, because no retry helps); not_found (no such
/// device); not_permitted (a firewall in the namespace drops the question); invalid (the name, or a broken answer over TCP).
class DnsClient {
 public:
  using Handler = std::function<void(Result<DnsAnswer>)>;
  explicit DnsClient(boost::asio::io_context& io);
  ~DnsClient();  ///< cancels what is under way without calling the handlers
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;
  using QuestionId = std::uint64_t;  ///< 0 is no question
  /// The handler is called once, on the loop, never from inside ask().
  QuestionId ask(DnsQuestion question, Endpoint server, DnsOptions options, Handler handler);
  /// Gives the question up: its sockets are closed, its handler is not called. Nothing happens when it has ended already.
  void cancel(QuestionId id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vpn_sentinel
