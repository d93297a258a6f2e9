/// Asks for one link again (RTM_GETLINK): its statistics change without a message.
#pragma once

#include <cstdint>

#include "netns/base/result.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// `fd`: a netlink socket without subscriptions, so that the answer does not mix with events. `sequence` must be no earlier request's: late
/// answers are recognised by it. not_found: no link has this index. Waits at most a second; the kernel needs 2 µs, or up to 20 ms while
/// another process changes links.
[[nodiscard]] Result<Link> read_link(int fd, std::uint32_t index, std::uint32_t sequence);

}  // namespace vpn_sentinel
