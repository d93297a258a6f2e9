/// The description of the API (OpenAPI 3.1) that the hub serves itself.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// hub/http/openapi.json with the version of this program and the path of this API.
[[nodiscard]] nlohmann::json openapi_document(const std::string& prefix);

/// GET {prefix}/openapi.json, behind the same gates as the rest: it has no secret, but a stranger need not learn what answers here.
void add_openapi_route(Router& router, const std::string& prefix);

}  // namespace vpn_sentinel
