/// The daemon: a hub, and the signals and systemd messages around it.
#pragma once

#include <functional>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

/// Runs until SIGTERM or SIGINT; returns the exit code. SIGHUP calls `reload` and takes over what can change while running.
int run_hub(const Settings& settings, const HubConfig& config, const std::function<Result<Settings>()>& reload);

}  // namespace vpn_sentinel
