#include "hub/http/openapi.hpp"

#include <memory>

#include "hub/http/negotiation.hpp"
#include "hub/http/openapi_asset.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {

nlohmann::json openapi_document(const std::string& prefix) {
  auto document = nlohmann::json::parse(openapi_assets().front().body);
  document["info"]["version"] = VPN_SENTINEL_VERSION;
  document["servers"][0]["url"] = prefix.empty() ? "/" : prefix;
  return document;
}

void add_openapi_route(Router& router, const std::string& prefix) {
  const auto content = std::make_shared<const Content>("application/json", to_text(openapi_document(prefix)));
  router.add("GET", prefix + "/openapi.json",
             [content](const Request& request, std::string_view, const Respond& respond) { respond(Wish(request).answer(*content)); });
}

}  // namespace vpn_sentinel
