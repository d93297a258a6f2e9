/// The clock for ages of what goes on without this machine.
#pragma once

#include <chrono>

namespace vpn_sentinel {

/// CLOCK_BOOTTIME (clock_gettime(2)): monotonic, and unlike MonoTime it does not stand still during suspend. A handshake whose keys live
/// for 180 s is stale after a night of sleep; what this program itself waits for is measured with MonoTime.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  [[nodiscard]] static time_point now() noexcept;
};

using BootTime = BootClock::time_point;
[[nodiscard]] inline BootTime boot_now() noexcept { return BootClock::now(); }

}  // namespace vpn_sentinel
