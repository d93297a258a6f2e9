/// Listening sockets: one per address and I/O loop, sharing the port by SO_REUSEPORT.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "hub/http/address_counts.hpp"
#include "hub/http/loop.hpp"
#include "hub/http/server.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

/// What all connections of one listener share.
struct Listener {
  /// Before the loops start.
  Listener(ListenOptions listen_options, Routes all_routes, const std::vector<std::shared_ptr<Loop>>& all_loops);

  const ListenOptions options;
  const Routes routes;
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> waiting_body_bytes{0};
  AddressCounts addresses;
  std::vector<Loop*> loops;          ///< by number
  std::vector<SessionList*> idle;    ///< keep-alive connections between two requests, by number of their loop
  std::vector<SessionList*> silent;  ///< those that have not said anything yet, likewise
};

/// Counts one open connection for as long as it lives.
class Slot {
 public:
  enum class Refusal { none, full, address_full };
  /// Null: `refusal` says why.
  [[nodiscard]] static std::unique_ptr<Slot> take(const std::shared_ptr<Listener>& listener, const IpAddress& peer, Refusal& refusal);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  [[nodiscard]] Listener& listener() const noexcept { return *listener_; }

  /// Counts what a body under way holds; false: all of the listener's hold too much together.
  [[nodiscard]] bool hold_body_bytes(std::size_t bytes);

 private:
  Slot(std::shared_ptr<Listener> listener, AddressCounts::Key address) : listener_(std::move(listener)), address_(address) {}

  std::shared_ptr<Listener> listener_;
  AddressCounts::Key address_;
  std::size_t body_bytes_ = 0;
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
