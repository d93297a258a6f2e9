/// The yardstick: `ip -ts monitor` as a child process, and when its lines came.
#pragma once

#include <sys/types.h>

#include <thread>

#include "netns/base/fd.hpp"
#include "tests/bench/timeline.hpp"

namespace vpn_sentinel {

class IpMonitor {
 public:
  /// To be called before any other thread is started: the child is made by fork(2).
  IpMonitor();
  IpMonitor(const IpMonitor&) = delete;
  IpMonitor& operator=(const IpMonitor&) = delete;
  ~IpMonitor();

  [[nodiscard]] const Timeline& lines() const noexcept { return lines_; }

  /// The child does nothing from the return of hold() to release(); messages of the kernel wait in its socket.
  void hold() const;
  void release() const;

 private:
  void read_lines();

  Fd output_;
  pid_t child_ = -1;
  Timeline lines_;
  std::thread reader_;
};

}  // namespace vpn_sentinel
