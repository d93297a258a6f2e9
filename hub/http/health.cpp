#include "hub/http/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/http/reply.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {
namespace {

using Status = HealthComponent::Status;

/// A commit on a slow disk takes a second or two; reports wait for 10 s at most before their senders give up.
constexpr std::chrono::seconds hangs_after{10};

std::string_view to_word(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::degraded:
      return "degraded";
    case Status::fail:
      break;
  }
  return "fail";
}

std::string_view health_message(Status worst) {
  switch (worst) {
    case Status::ok:
      return "VPN Sentinel Health Server is running";
    case Status::degraded:
      return "VPN Sentinel works, but not all of it";
    case Status::fail:
      break;
  }
  return "VPN Sentinel cannot do its work";
}

Status worst_of(const std::vector<HealthComponent>& components) {
  const auto worst = std::ranges::max_element(components, {}, &HealthComponent::status);
  return worst == components.end() ? Status::ok : worst->status;
}

Response health_response(const std::vector<HealthComponent>& components) {
  const auto worst = worst_of(components);
  auto details = nlohmann::json::object();
  for (const auto& each : components) details[each.name] = {{"status", to_word(each.status)}, {"details", each.details}};
  return json_response(worst == Status::fail ? 503 : 200, {{"status", to_word(worst)},
                                                           {"message", health_message(worst)},
                                                           {"server_time", to_rfc3339(wall_now())},
                                                           {"components", std::move(details)}});
}

Response ready_response(const std::vector<HealthComponent>& components) {
  if (worst_of(components) == Status::fail)
    return json_response(503, {{"status", "fail"}, {"message", "VPN Sentinel cannot take reports"}});
  return json_response(200, {{"status", "ok"}, {"message", "VPN Sentinel Health Server is ready"}});
}

}  // namespace

bool hangs(const Engine& engine) { return engine.since_last_turn() > hangs_after; }

HealthComponent store_health(const Engine& engine) {
  if (hangs(engine)) {
    return {"store", Status::fail, fmt::format("the disk has not answered for {}", human_duration(engine.since_last_turn()))};
  }
  if (!engine.healthy()) return {"store", Status::fail, "reports cannot be stored; the hub's log says why"};
  return {"store", Status::ok, fmt::format("{} reports stored since the start", engine.stored_reports())};
}

void add_health_routes(Router& router, const HealthCheck& check) {
  router.add("GET", "/health", [check](const Request&, std::string_view, const Respond& respond) { respond(health_response(check())); });
  router.add("GET", "/health/ready",
             [check](const Request&, std::string_view, const Respond& respond) { respond(ready_response(check())); });
  // The listener opens after the store was loaded: that it answers at all is the proof.
  router.add("GET", "/health/startup", [](const Request&, std::string_view, const Respond& respond) {
    respond(json_response(200, {{"status", "ok"}, {"message", "VPN Sentinel Health Server started successfully"}}));
  });
}

}  // namespace vpn_sentinel
