/// Connections: batches of flows in, questions about them out.
#pragma once

#include <string>

#include "hub/engine/engine.hpp"
#include "hub/engine/flow_door.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string connections_path(const std::string& prefix);

/// POST {prefix}/connections. A key that may report for some clients only may tell of their connections only. `flows` outlives the
/// router; before it is open, and when it cannot be opened, all are answered with 503.
void add_flow_report_route(Router& router, const std::string& prefix, const FlowDoor& flows);

/// GET {prefix}/connections/active, /stats, /map and /history. `engine` knows which clients there are, where their exits are and who is in
/// a group; it outlives the router.
void add_flow_read_routes(Router& router, const std::string& prefix, const Engine& engine, const FlowDoor& flows);

/// 503, and why: their database is being opened, or cannot be.
[[nodiscard]] Response closed_response(const FlowDoor& flows);

}  // namespace vpn_sentinel
