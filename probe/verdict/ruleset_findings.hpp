/// What the rules of the namespace's firewall, whoever made them, mean for the verdict. Pure.
#pragma once

#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// kill_switch_absent and kill_switch_changed. None while the ruleset was not asked for, or where no packet could leave anyway.
/// Rules that could not be looked at are told as absent. While the tunnel works a missing kill switch lets nothing out, so neither is more
/// than a warning: what does leave is told by routes and counters.
[[nodiscard]] std::vector<Finding> judge_ruleset(const Observation& seen);

}  // namespace vpn_sentinel
