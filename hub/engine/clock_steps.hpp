/// The wall clock held against the uptime: how much it was set, and whether it can be trusted. Pure; the engine's thread.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "hub/engine/work_queue.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class ClockSteps {
 public:
  struct Turn {
    std::chrono::microseconds elapsed{};  ///< of the uptime
    std::chrono::microseconds step{};     ///< by which the clock was set meanwhile; zero: it was not
  };

  void begin(WallTime now, std::chrono::microseconds uptime);
  /// What passed until `uptime` was no turn.
  void skip_to(std::chrono::microseconds uptime);
  Turn turn(WallTime now, std::chrono::microseconds uptime);

  /// The leases have moved with the clock; a report that was stamped before would make one that ends at once, or hours later.
  void set_right(std::vector<WaitingReport>& reports, WallTime now) const;
  /// False: it was set by so much that it may be wrong now, or was before.
  [[nodiscard]] bool is_trusted() const;

 private:
  WallTime wall_{};
  std::chrono::microseconds uptime_{};
  std::optional<std::chrono::microseconds> stepped_at_;     ///< uptime at the last step
  std::optional<std::chrono::microseconds> doubted_since_;  ///< uptime at the last great step
};

}  // namespace vpn_sentinel
