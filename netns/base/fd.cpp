#include "netns/base/fd.hpp"

#include <unistd.h>

namespace vpn_sentinel {

void Fd::reset() noexcept {
  // On Linux close() must not be repeated after EINTR: the descriptor is gone already (close(2)).
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace vpn_sentinel
