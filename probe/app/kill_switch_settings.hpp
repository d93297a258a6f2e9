/// The settings about the kill switch, as typed values.
#pragma once

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// The Error names the setting, its value, where it came from and what was expected. Only looks (`tend` is false); the daemon tends.
[[nodiscard]] Result<KillSwitchPolicy> make_kill_switch_policy(const Settings& settings);

}  // namespace vpn_sentinel
