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

/// Whoever renews certificates by a program does so weeks before.
constexpr std::chrono::days renewal_due{14};

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

HealthComponent channels_health(const std::vector<ChannelStanding>& channels) {
  std::size_t waiting = 0;
  std::size_t failing = 0;
  for (const auto& channel : channels) {
    waiting += channel.waiting;
    failing += channel.failing ? 1 : 0;
  }
  if (channels.empty()) return {"alerts", Status::ok, "off"};
  const auto status = failing > 0 ? Status::degraded : Status::ok;
  if (channels.size() == 1) {
    return {"alerts", status,
            fmt::format("{} {}, {} waiting", channels.front().kind, failing > 0 ? "does not take messages" : "on", waiting)};
  }
  return {"alerts", status, fmt::format("{} channels, {} take no messages, {} waiting", channels.size(), failing, waiting)};
}

HealthComponent certificate_health(std::chrono::microseconds left) {
  const auto days = std::chrono::floor<std::chrono::days>(left).count();
  if (left <= std::chrono::microseconds::zero()) {
    return {"certificate", Status::degraded,
            fmt::format("expired {} ago: probes that verify it do not report",
                        human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(-left)))};
  }
  return {"certificate", left < renewal_due ? Status::degraded : Status::ok, fmt::format("expires in {} days", days)};
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
