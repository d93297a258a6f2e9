/// ip(8) that already runs in the calling thread's namespace and takes one command after the other: starting it anew for each would cost
/// more than everything else together.
#pragma once

#include <sys/types.h>

#include <string>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel::property {

class IpShell {
 public:
  /// Throws FatalError when ip(8) cannot be started.
  explicit IpShell(Family family) : family_(family) { start(); }
  IpShell(const IpShell&) = delete;
  IpShell& operator=(const IpShell&) = delete;
  ~IpShell() { stop(); }

  /// Returns when the kernel has carried the command out, or refused it.
  void run(const std::string& line);

 private:
  void start();
  void stop();

  Family family_;
  pid_t pid_ = -1;
  Fd to_;
  Fd from_;
};

}  // namespace vpn_sentinel::property
