/// Whether descriptors of other processes can be copied here (pidfd_getfd(2)). Sandboxes such as systemd-nspawn's refuse it by seccomp, and
/// the product then says that it could not look.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {

inline bool can_copy_descriptors() {
  const Fd self{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
  return self && Fd{static_cast<int>(::syscall(SYS_pidfd_getfd, self.get(), self.get(), 0))};
}

}  // namespace vpn_sentinel
