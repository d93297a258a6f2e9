/// What several benchmarks need: their exit codes, an answer or an end, the CPU's time, a tun interface.
#pragma once

#include <net/if.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "netns/base/fatal_error.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

inline constexpr int exit_skipped = 77;
inline constexpr int exit_failed = 70;

template <typename Value>
Value good(Result<Value> result) {
  if (!result) throw FatalError(exit_failed, result.error().message);
  return std::move(*result);
}
inline void good(const Result<void>& result) {
  if (!result) throw FatalError(exit_failed, result.error().message);
}

/// Of this thread, so that what else runs on the machine does not count, in microseconds.
inline double cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

inline void run_command(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw FatalError(exit_failed, command);
}

/// tun0. Skips the benchmark where there is no /dev/net/tun.
inline Fd make_tun() {
  Fd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  ifreq request{};
  std::memcpy(request.ifr_name, "tun0", 5);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) throw FatalError(exit_skipped, "/dev/net/tun cannot be used");
  return fd;
}

}  // namespace vpn_sentinel
