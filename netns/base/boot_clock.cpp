#include "netns/base/boot_clock.hpp"

#include <ctime>

namespace vpn_sentinel {

BootClock::time_point BootClock::now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);  // in every kernel since 2.6.39
  return time_point{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

}  // namespace vpn_sentinel
