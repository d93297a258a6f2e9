/// What became of alerts, by API: GET {prefix}/alerts (messages with their delivery) and /channels (how each stands).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hub/alert/channel_standing.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// `channels` is called at every request, on an I/O thread.
void add_alert_routes(Router& router, const std::string& prefix, Engine& engine, std::function<std::vector<ChannelStanding>()> channels);

}  // namespace vpn_sentinel
