#include "hub/metrics/counted_routes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vpn_sentinel {
namespace {

/// The dashboard's page asks here, whatever the API's own path is.
constexpr std::string_view usual_prefix = "/api/v1";

constexpr std::array<std::pair<std::string_view, RouteClass>, 9> api_paths{{
    {"/keepalive", RouteClass::keepalive},
    {"/events", RouteClass::events},
    {"/status", RouteClass::status},
    {"/clients", RouteClass::clients},
    {"/incidents", RouteClass::incidents},
    {"/groups", RouteClass::groups},
    {"/live", RouteClass::live},
    {"/connections", RouteClass::connections},
    {"/openapi.json", RouteClass::openapi},
}};

constexpr std::array<std::string_view, route_classes> words{"keepalive", "events",    "status", "clients", "history",     "samples",
                                                            "reports",   "incidents", "groups", "live",    "connections", "openapi",
                                                            "health",    "metrics",   "page",   "other"};

RouteClass client_class(std::string_view rest) {
  if (rest.ends_with("/history")) return RouteClass::history;
  if (rest.ends_with("/samples")) return RouteClass::samples;
  if (rest.ends_with("/reports")) return RouteClass::reports;
  return rest.find('/') == std::string_view::npos ? RouteClass::clients : RouteClass::other;
}

RouteClass api_class(std::string_view rest) {
  const auto* const found = std::ranges::find(api_paths, rest, &std::pair<std::string_view, RouteClass>::first);
  if (found != api_paths.end()) return found->second;
  if (rest.starts_with("/connections/")) return RouteClass::connections;
  if (rest.starts_with("/incidents/")) return RouteClass::incidents;
  constexpr std::string_view one_client = "/clients/";
  return rest.starts_with(one_client) ? client_class(rest.substr(one_client.size())) : RouteClass::other;
}

bool is_page(std::string_view path) {
  constexpr std::array<std::string_view, 6> pages{"/", "/dashboard", "/dashboard/", "/hub.json", "/favicon.svg", "/licences.txt"};
  return path.starts_with("/assets/") || std::ranges::find(pages, path) != pages.end();
}

}  // namespace

RouteClass route_class(std::string_view path, std::string_view prefix) {
  for (const auto each : {prefix, usual_prefix}) {
    if (!path.starts_with(each)) continue;
    const auto found = api_class(path.substr(each.size()));
    if (found != RouteClass::other) return found;
  }
  if (path == "/health" || path.starts_with("/health/")) return RouteClass::health;
  if (path == "/metrics") return RouteClass::metrics;
  return is_page(path) ? RouteClass::page : RouteClass::other;
}

std::string_view to_string(RouteClass route) { return words.at(static_cast<std::size_t>(route)); }

Routes count_requests(Routes routes, std::string prefix, HubCounters& counters) {
  if (routes.handle) {
    routes.handle = [handle = std::move(routes.handle), prefix, &counters](const Request& request, Respond respond) {
      const auto route = route_class(request.path, prefix);
      handle(request, [route, &counters, respond = std::move(respond)](Response response) {
        counters.requests.add(route, response.status);
        counters.rejected.add(response.refused_reports);
        respond(std::move(response));
      });
    };
  }
  if (routes.admit_live) {
    routes.admit_live = [admit = std::move(routes.admit_live), prefix = std::move(prefix), &counters](const Request& request) {
      auto admission = admit(request);
      counters.requests.add(route_class(request.path, prefix), admission.refused ? admission.refused->status : 101);
      return admission;
    };
  }
  return routes;
}

}  // namespace vpn_sentinel
