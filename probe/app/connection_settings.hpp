/// From the settings to how connections are looked at.
#pragma once

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/connections/choose_sources.hpp"

namespace vpn_sentinel {

/// invalid: the setting, its value, where it came from and what was expected.
[[nodiscard]] Result<ConnectionsPolicy> make_connections_policy(const Settings& settings);

}  // namespace vpn_sentinel
