/// The settings about the exit address, as typed values.
#pragma once

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// The Error names the setting, its value, where it came from and what was expected. Databases that the settings name must be good; of
/// those that lie in the usual folders a damaged one is left out. Targets with the same databases share them.
[[nodiscard]] Result<ExitPolicy> make_exit_policy(const Settings& settings);

}  // namespace vpn_sentinel
