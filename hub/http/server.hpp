/// The hub's HTTP listeners: Boost.Asio and Beast used as parts, callbacks, N I/O threads with SO_REUSEPORT (measured: 1.3-1.5 times the
/// CPU of a raw epoll loop).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct Request {
  std::string_view method;  ///< HEAD arrives as GET; the server leaves the body of the reply out
  std::string_view path;    ///< without query, leading slashes collapsed ("//api/v1" -> "/api/v1")
  std::string_view query;
  std::string_view body;
  std::string peer_address;
  std::function<std::string_view(std::string_view name)> header;  ///< empty when absent; names case-insensitive
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::size_t refused_reports = 0;  ///< of the request, for the counters; never sent
};

/// Answers once, from any thread; the connection may be gone by then (the answer is dropped).
using Respond = std::function<void(Response)>;

/// A WebSocket (RFC 6455) that was accepted by a route. Text messages only.
class LiveChannel {
 public:
  virtual ~LiveChannel() = default;
  /// From any thread. False: the peer is too slow (more than `max_pending` messages wait) and the channel is being closed.
  virtual bool send(std::shared_ptr<const std::string> text) = 0;
};

struct Routes {
  std::function<void(const Request&, Respond)> handle;
  /// Null: no WebSocket on this listener. Returns the Response that refuses, or nullopt to accept.
  std::function<std::optional<Response>(const Request&)> admit_live;
  /// The channel is open. What the returned object holds (a subscription) lives until the channel closes.
  std::function<std::shared_ptr<void>(std::shared_ptr<LiveChannel>)> on_live;
};

struct ListenOptions {
  std::vector<Endpoint> endpoints;  ///< port 0 takes a free one
  std::size_t max_body = 64 * 1024;
  std::size_t max_connections = 10'000;
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds idle_timeout{75};
  /// A route must have answered, and a reply must have made progress, within this time: 503 or the connection is closed.
  std::chrono::seconds reply_timeout{30};
  std::size_t max_pending = 4096;  ///< messages that may wait for a slow WebSocket peer
};

class Server {
 public:
  virtual ~Server() = default;  ///< stop()
  /// Before run(). The Error names address, port and reason (in use, not permitted, not this machine's).
  [[nodiscard]] virtual Result<std::vector<Endpoint>> listen(ListenOptions options, Routes routes) = 0;
  virtual void run() = 0;   ///< starts the I/O threads and returns
  virtual void stop() = 0;  ///< stops accepting, closes WebSockets with 1001, ends the threads

  [[nodiscard]] static std::unique_ptr<Server> make(unsigned threads);
};

}  // namespace vpn_sentinel
