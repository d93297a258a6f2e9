/// Reading inotify(7) events.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace vpn_sentinel {

/// `name` is empty for an event of the watched file itself.
using TakeInotifyEvent = std::function<void(int watch, std::uint32_t mask, const std::string& name)>;

/// Gives what waits at the non-blocking descriptor to `take`: a bounded number of reads, so that a busy folder keeps no loop for itself.
void read_inotify(int fd, const TakeInotifyEvent& take);

}  // namespace vpn_sentinel
