/// From the settings to whose clients are looked for.
#pragma once

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/serving/listen_port.hpp"

namespace vpn_sentinel {

/// invalid: the setting, its value, where it came from and what was expected.
[[nodiscard]] Result<ServingPolicy> make_serving_policy(const Settings& settings);

}  // namespace vpn_sentinel
