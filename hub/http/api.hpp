/// The hub's JSON API (DESIGN section 6): reports in (query.hpp has the way out), and the live channel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/http/joined.hpp"
#include "hub/http/router.hpp"
#include "hub/http/server.hpp"
#include "hub/live/feed.hpp"

namespace vpn_sentinel {

/// "/api/v1" from "api/v1/", "" from "/": the Python original's rule.
[[nodiscard]] std::string api_prefix(std::string_view setting);

/// POST {prefix}/keepalive and (events.hpp) {prefix}/events. Answered with 200 only after the report is durable.
void add_report_routes(Router& router, const std::string& prefix, Engine& engine);

/// A router behind gates with the WebSocket {prefix}/live. The router must not change afterwards.
[[nodiscard]] Service live_service(std::vector<Gate> gates, const std::shared_ptr<Router>& router, const std::string& prefix,
                                   LiveFeed& feed);

}  // namespace vpn_sentinel
