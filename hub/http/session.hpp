/// One accepted connection as its I/O loop sees it: HTTP or WebSocket. All calls come on the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>

#include "hub/http/server.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// The concrete executor: type-erased ones cost an allocation and a virtual call per operation.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  virtual ~Session() = default;
  /// Once per second: ends what waited too long.
  virtual void sweep(MonoTime now) = 0;
  /// The answer to request number `request`; an answer that comes too late or twice is dropped.
  virtual void answer(std::uint64_t request, Response response) = 0;
  /// The server stops: idle sessions end now, busy ones after their reply.
  virtual void begin_stop() = 0;
  virtual void abort() = 0;
};

}  // namespace vpn_sentinel
