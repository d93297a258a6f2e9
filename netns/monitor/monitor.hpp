/// Follows a namespace: subscribes, then dumps, through one handler; after an overrun (ENOBUFS) it dumps again. A message is only a
/// hint: every burst ends in one on_change call, and the listener then looks for itself (RouteLookup). Of a flood, bursts are put together
/// (ChangeGate): 64 calls at once and one each 5 ms.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

class Monitor {
 public:
  struct Change {
    std::uint64_t generation = 0;  ///< grows by one with each burst
    MonoTime received{};           ///< when the first message of the burst was read
    std::string cause;             ///< the first telling message, like "link wg0 down" or "route default via 203.0.113.1 dev eth0 added"
    bool resynchronised = false;   ///< the burst followed a loss: a fresh dump was made
  };
  struct Listener {
    std::function<void(const Change&)> on_change;
    /// The socket failed, or the kernel went on refusing to list a part, and a new socket did not help: the owner must say "could not
    /// look".
    std::function<void(const Error&)> on_blind;
  };

  virtual ~Monitor() = default;
  /// Kept up to date; valid until the next turn of the loop.
  [[nodiscard]] virtual const Snapshot& snapshot() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t generation() const noexcept = 0;
  /// Since when the snapshot may lack what the kernel has: messages were lost, or the kernel refuses to list a part. Absent: it is
  /// complete. Usual for some milliseconds after a flood; who judges by the snapshot must say so when it lasts.
  [[nodiscard]] virtual std::optional<MonoTime> out_of_step_since() const noexcept = 0;

  static constexpr int usual_receive_buffer = 8 << 20;
  static constexpr std::chrono::milliseconds usual_reread{60'000};

  /// Subscribed and dumped when it returns; the listener is called on the thread that runs `io`. Destroying it stops everything.
  /// `receive_buffer` in bytes; 0: what the system gives (net.core.rmem_default). `reread_after`, and up to a quarter longer, is how often
  /// everything is read again while it is quiet: a safety net for what no message told. Not done with more than 10,000 routes.
  [[nodiscard]] static Result<std::unique_ptr<Monitor>> start(boost::asio::io_context& io, const SocketOpener& opener, Listener listener,
                                                              int receive_buffer = usual_receive_buffer,
                                                              std::chrono::milliseconds reread_after = usual_reread);
};

/// One look without subscribing, for one-shot tools: blocking.
[[nodiscard]] Result<Snapshot> take_snapshot(const SocketOpener& opener);

}  // namespace vpn_sentinel
