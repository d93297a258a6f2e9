#include "hub/http/joined.hpp"

#include <algorithm>
#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

const Service& service_for(const std::vector<Service>& services, const Request& request) {
  const Service* chosen = &services.back();
  for (const auto& service : services) {
    if (!service.router->serves(request.path)) continue;
    chosen = &service;
    if (!pass_gates(service.gates, request)) break;
  }
  return *chosen;
}

}  // namespace

Routes join_services(std::vector<Service> services) {
  if (services.size() == 1) return std::move(services.front().routes);
  Routes routes;
  const auto live = std::ranges::find_if(services, [](const Service& service) { return service.routes.on_live != nullptr; });
  if (live != services.end()) routes.on_live = live->routes.on_live;
  const auto shared = std::make_shared<const std::vector<Service>>(std::move(services));
  routes.handle = [shared](const Request& request, Respond respond) {
    service_for(*shared, request).routes.handle(request, std::move(respond));
  };
  if (!routes.on_live) return routes;
  routes.admit_live = [shared](const Request& request) -> std::optional<Response> {
    const auto& service = service_for(*shared, request);
    if (service.routes.admit_live) return service.routes.admit_live(request);
    return error_response(404, "Not found", "No WebSocket is served at this path");
  };
  return routes;
}

}  // namespace vpn_sentinel
