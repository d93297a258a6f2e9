/// How reliable clients and groups were, as numbers and as a page to print.
#pragma once

#include <string>

#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// GET {prefix}/reliability (client, group, from, to, period, zone, limit, after) and {prefix}/report (month, zone: one HTML file). As the
/// other questions (query.hpp): ETag, packed, a wrong parameter is 400 with its name, its value and what was expected.
void add_reliability_routes(Router& router, const std::string& prefix, Engine& engine);

}  // namespace vpn_sentinel
