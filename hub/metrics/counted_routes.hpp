/// Counts requests by what they ask for and by how they were answered.
#pragma once

#include <string>
#include <string_view>

#include "hub/http/server.hpp"
#include "hub/metrics/counters.hpp"

namespace vpn_sentinel {

/// What a path asks for. `prefix`: of the API, as on this listener.
[[nodiscard]] RouteClass route_class(std::string_view path, std::string_view prefix);
/// The word of a class: "keepalive".
[[nodiscard]] std::string_view to_string(RouteClass route);

/// The same routes, counted. `counters` must outlive them. A WebSocket that was let in counts as 101.
[[nodiscard]] Routes count_requests(Routes routes, std::string prefix, HubCounters& counters);

}  // namespace vpn_sentinel
