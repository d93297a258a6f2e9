/// The command `channels test`: one real message by one channel, without a running hub.
#pragma once

#include <string>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

/// Exit code 0: the channel's server took the message; 1: it did not, and why; 64: there is no such channel, with those that are there.
[[nodiscard]] int test_channel_command(const HubConfig& config, const std::string& name);

}  // namespace vpn_sentinel
