/// The settings about UDP, large packets and round trips, as typed values.
#pragma once

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// The Error names the setting, its value, where it came from and what was expected.
[[nodiscard]] Result<PathPolicy> make_path_policy(const Settings& settings);

}  // namespace vpn_sentinel
