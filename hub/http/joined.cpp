#include "hub/http/joined.hpp"

#include <algorithm>
#include <utility>

#include "hub/accounts/directory.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

/// Who answers a request, and the refusal of its gates.
struct Chosen {
  const Service* service;
  std::optional<Response> refused;
};

/// What the gates found out about the caller stays in `request`.
Chosen choose(const std::vector<Service>& services, Request& request) {
  Chosen chosen{nullptr, std::nullopt};
  for (const auto& service : services) {
    if (!service.router->serves(request.path)) continue;
    request.caller = {};
    Chosen next{&service, pass_gates(service.gates, request)};
    const bool passed = !next.refused;
    // Who has to wait at one service must not read at the next that he should log in.
    if (passed || !chosen.refused || chosen.refused->status != 429) chosen = std::move(next);
    if (passed) break;
  }
  if (!chosen.service) chosen = {&services.back(), pass_gates(services.back().gates, request)};
  return chosen;
}

LiveAdmission admit_live(const std::shared_ptr<const std::vector<Service>>& services, Request request) {
  auto chosen = choose(*services, request);
  if (chosen.refused) return {std::move(chosen.refused)};
  if (chosen.service->live_path.empty() || request.path != chosen.service->live_path) {
    return {error_response(404, "Not found", "No WebSocket is served at this path")};
  }
  auto holds = [services, service = chosen.service, caller = request.caller] { return gates_hold(service->gates, caller); };
  const auto& identity = request.caller.identity;
  return {std::nullopt, std::move(holds), identity ? identity->until : std::nullopt};
}

std::optional<Response> admit_large(const std::vector<Service>& services, Request request) {
  auto chosen = choose(services, request);
  if (chosen.refused) return std::move(chosen.refused);
  if (!chosen.service->large_path.empty() && request.path == chosen.service->large_path) return std::nullopt;
  return error_response(413, "Payload too large", "The body is longer than this path accepts");
}

}  // namespace

Routes join_services(std::vector<Service> services) {
  Routes routes;
  const auto live = std::ranges::find_if(services, [](const Service& service) { return service.on_live != nullptr; });
  if (live != services.end()) routes.on_live = live->on_live;
  const auto shared = std::make_shared<const std::vector<Service>>(std::move(services));
  routes.handle = [shared](const Request& request, Respond respond) {
    Request own = request;
    auto chosen = choose(*shared, own);
    if (chosen.refused) return respond(std::move(*chosen.refused));
    chosen.service->router->handle(own, std::move(respond));
  };
  routes.admit_large = [shared](const Request& request) { return admit_large(*shared, request); };
  if (routes.on_live) routes.admit_live = [shared](const Request& request) { return admit_live(shared, request); };
  return routes;
}

}  // namespace vpn_sentinel
