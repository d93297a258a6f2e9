/// Listening sockets: one per address and I/O loop, sharing the port by SO_REUSEPORT.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "hub/http/address_counts.hpp"
#include "hub/http/loop.hpp"
#include "hub/http/server.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

/// What a connection that rests waits for from its peer: a first byte, the rest of a handshake, of the headers, or the next request.
enum class Rest : std::uint8_t { silent, handshake, head, idle };

/// What all connections of one listener share.
struct Listener {
  /// Before the loops start.
  Listener(ListenOptions listen_options, Routes all_routes, const std::vector<std::shared_ptr<Loop>>& all_loops);

  const ListenOptions options;
  const Routes routes;
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> waiting_body_bytes{0};
  AddressCounts addresses;
  std::vector<Loop*> loops;  ///< by number

  /// Of the loop with this number; on its thread.
  [[nodiscard]] SessionList& resting(Rest rest, std::size_t loop) { return *resting_.at(loop).at(static_cast<std::size_t>(rest)); }

 private:
  std::vector<std::array<SessionList*, 4>> resting_;  ///< by number of the loop and Rest
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
  [[nodiscard]] AddressPlace& address() const noexcept { return *address_; }

  /// Counts what a body under way holds; false: all of the listener's hold too much together.
  [[nodiscard]] bool hold_body_bytes(std::size_t bytes);

 private:
  Slot(std::shared_ptr<Listener> listener, std::shared_ptr<AddressPlace> address)
      : listener_(std::move(listener)), address_(std::move(address)) {}

  std::shared_ptr<Listener> listener_;
  std::shared_ptr<AddressPlace> address_;
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
