/// From the settings to what is counted outside the tunnel.
#pragma once

#include "netns/daemon/settings.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

[[nodiscard]] MeterPolicy make_meter_policy(const Settings& settings);

/// For a command beside the daemon, which counts for itself.
[[nodiscard]] TargetPolicy for_this_process(TargetPolicy target);

}  // namespace vpn_sentinel
