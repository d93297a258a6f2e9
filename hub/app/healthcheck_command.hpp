/// vpn-sentinel-hub healthcheck: what a container's HEALTHCHECK runs.
#pragma once

#include <optional>
#include <string>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

/// Where the hub of these settings answers on this machine ("http://127.0.0.1:8081/health/ready"): its first health listener, by loopback
/// where that is any address. Absent when the health pages are switched off. Pure.
[[nodiscard]] std::optional<std::string> health_url(const HubConfig& config);

/// Asks there and prints one line. Blocks, at most five seconds. 0: the hub can take reports; 1: it cannot, does not answer in time, is not
/// there, or cannot be asked (the line says which).
[[nodiscard]] int healthcheck_command(const HubConfig& config);

}  // namespace vpn_sentinel
