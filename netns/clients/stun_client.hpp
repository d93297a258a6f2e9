/// One STUN binding with one server over a socket made in the right namespace: by which address does arbitrary UDP leave (RFC 8489).
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

struct StunOptions {
  SocketOpener open_socket;                    ///< empty: the process's own namespace
  std::string bind_device;                     ///< SO_BINDTODEVICE; empty: the routes decide, as for any program
  std::chrono::milliseconds timeout{2000};     ///< for all tries together: an absolute deadline
  std::chrono::milliseconds retry_after{500};  ///< the same request once more (RFC 8489 6.2.1), then after twice as long each time
};

struct StunAnswer {
  Endpoint mapped;                          ///< as which the server saw us
  std::chrono::microseconds round_trip{0};  ///< since the last try: a lower bound when there were several
};

/// Used on the loop's thread only. Datagrams that are no answer to the request are dropped while listening on. Errors: timed_out;
/// unreachable (no route, closed port); not_found (no such device); not_permitted (a firewall drops the request); unavailable and
/// invalid: what the server answered.
class StunClient {
 public:
  using Handler = std::function<void(Result<StunAnswer>)>;
  explicit StunClient(boost::asio::io_context& io);
  ~StunClient();  ///< cancels what is under way without calling the handlers
  StunClient(const StunClient&) = delete;
  StunClient& operator=(const StunClient&) = delete;
  using BindingId = std::uint64_t;  ///< 0 is no binding
  /// The handler is called once, on the loop, never from inside bind().
  BindingId bind(Endpoint server, StunOptions options, Handler handler);
  /// Gives it up: its socket is closed, its handler is not called. Nothing happens when it has ended already.
  void cancel(BindingId id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vpn_sentinel
