/// Giving up rights that a daemon does not need: capabilities(7), linux/capability.h.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Of the calling thread, and of those that it starts later. Takes every capability that is not in `keep` out of the effective, permitted,
/// inheritable and ambient sets, and out of the bounding set where CAP_SETPCAP is there to do so: it cannot come back. One of `keep` that
/// was not there stays away. `keep`: numbers below 64, as CAP_NET_ADMIN.
[[nodiscard]] Result<void> keep_capabilities(std::initializer_list<unsigned> keep);

/// The effective set of the calling thread, one bit per number.
[[nodiscard]] Result<std::uint64_t> effective_capabilities();

}  // namespace vpn_sentinel
