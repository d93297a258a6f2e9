/// What is to be said of the kill switch itself. Pure.
#pragma once

#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// Empty without a kill switch, and with one that holds and misses nothing. `since` is the observation's time.
[[nodiscard]] std::vector<Finding> judge_kill_switch(const Observation& seen);

}  // namespace vpn_sentinel
