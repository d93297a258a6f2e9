/// Whether the kernel's hook on the way out of a device can be trusted. Pure but for this_kernel_reads_egress().
#pragma once

#include <optional>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// From Linux 5.16 on there is the hook egress, and until commit 0ae8e4cca787 ("netfilter: nf_tables: set transport offset from mac header
/// for netdev/egress") ports and types of IPv6 are read at a wrong place there: neighbour discovery would be a leak, and dropped. `release`
/// and `version` are those of uname(2). True from 6.8 on, and for 6.1 and 6.6 with that patch; of others it is not known. Debian tells its
/// stable release in the version only.
[[nodiscard]] bool reads_egress_rightly(std::string_view release, std::string_view version);

/// Why it is not used on this machine; empty: it is.
[[nodiscard]] std::optional<Error> this_kernels_egress_gap();

}  // namespace vpn_sentinel
