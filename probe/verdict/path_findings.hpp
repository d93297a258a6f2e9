/// Findings about arbitrary UDP, large packets and round trips. Pure.
#pragma once

#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// udp_exit_outside (danger when UDP shows the uplink's address, a warning when it shows another one than web traffic without that being
/// proved), udp_unverifiable, mtu_blackhole, latency_dropped. `since` is the observation's time.
[[nodiscard]] std::vector<Finding> judge_path(const Observation& seen);

/// UDP was seen under another address, and what would show that this is over is not known yet, or nobody answered: it does not end so.
[[nodiscard]] bool udp_went_unanswered(const Finding& finding, const Observation& seen);

}  // namespace vpn_sentinel
