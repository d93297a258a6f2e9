/// The hub's query side (DESIGN section 6): states, history, samples, reports and incidents, page by page.
#pragma once

#include <string>

#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// GET {prefix}/status, /clients, /groups, /clients/{id} (a group is "group:NAME"), /clients/{id}/history, /clients/{id}/samples,
/// /clients/{id}/reports, /incidents, /reliability, /report (reliability.hpp) and /openapi.json. All have an ETag and are packed for who
/// can unpack them. A wrong parameter is 400 with its name, its value and what was expected.
void add_read_routes(Router& router, const std::string& prefix, Engine& engine);

}  // namespace vpn_sentinel
