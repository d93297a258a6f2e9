/// Time since the machine was booted, the time in which it slept included: the monotonic clock stands still then.
#pragma once

#include <time.h>

#include <chrono>

namespace vpn_sentinel {

[[nodiscard]] inline std::chrono::microseconds uptime() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_nsec / 1000};
}

}  // namespace vpn_sentinel
