/// When things arrived. Noted by the thread that measures; asked by the one that waits.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// Nobody is woken by note(): a waiter that woke up just then would take a CPU from what is still being measured. Waiters poll.
class Timeline {
 public:
  void note(MonoTime at) {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back(at);
  }

  [[nodiscard]] std::optional<MonoTime> first_after(MonoTime since) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::lower_bound(arrivals_, since);
    return found == arrivals_.end() ? std::nullopt : std::optional(*found);
  }

  [[nodiscard]] std::optional<MonoTime> last() const {
    const std::lock_guard lock(mutex_);
    return arrivals_.empty() ? std::nullopt : std::optional(arrivals_.back());
  }

 private:
  mutable std::mutex mutex_;
  std::vector<MonoTime> arrivals_;  ///< in order
};

}  // namespace vpn_sentinel
