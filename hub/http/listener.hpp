/// Listening sockets: one per address and I/O loop, sharing the port by SO_REUSEPORT.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "hub/http/loop.hpp"
#include "hub/http/server.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

/// What all connections of one listener share.
struct Listener {
  ListenOptions options;
  Routes routes;
  std::atomic<std::size_t> open{0};
};

/// Counts one open connection for as long as it lives.
class Slot {
 public:
  explicit Slot(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) { ++listener_->open; }
  ~Slot() { --listener_->open; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  [[nodiscard]] Listener& listener() const noexcept { return *listener_; }

 private:
  std::shared_ptr<Listener> listener_;
};

struct BoundSockets {
  Endpoint endpoint;  ///< with the port that was taken
  std::vector<Fd> sockets;
};

/// `count` sockets that listen on one endpoint. A port that somebody else listens on is refused even if they allow sharing: two hubs on
/// one port would each get half of the reports.
[[nodiscard]] Result<BoundSockets> bind_sockets(const Endpoint& endpoint, unsigned count);

/// Accepts on `socket` and starts a Connection for each peer. Before the loop starts.
void add_acceptor(Loop& loop, Fd socket, std::shared_ptr<Listener> listener);

}  // namespace vpn_sentinel
