#include "hub/http/api.hpp"

#include <fmt/format.h>

#include <utility>

#include "hub/http/events.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

/// The hot path: written by hand, keys in the order in which a JSON library sorts them. The time is in the Python original's form, which
/// datetime.fromisoformat() of Python before 3.11 can read; it knows no 'Z'.
Response stored_response() {
  auto time = to_rfc3339(wall_now());
  time.pop_back();
  std::string body;
  body.reserve(128);
  body += R"({"message":"Keepalive received","server_time":")";
  body += time;
  body += "+00:00\",\"status\":\"ok\"}\n";
  return {200, "application/json", std::move(body), {}};
}

Response submitted_response(SubmitResult result) {
  if (is_kept(result)) return stored_response();
  auto response = error_response(http_status(result), error_of(result), reason_of(result));
  response.headers.emplace_back("Retry-After", std::string(retry_after(result)));
  return response;
}

Response refused_response(const Rejection& rejection) {
  auto response = error_response(rejection.status, rejection.error, rejection.message);
  response.refused_reports = 1;
  return response;
}

void take_report(Engine& engine, const Request& request, Respond respond) {
  if (auto packed = refuse_packed(request)) {
    packed->refused_reports = 1;
    return respond(std::move(*packed));
  }
  auto admitted = admit_for(request.caller, request.body, request.source(), wall_now());
  if (!admitted) return respond(refused_response(admitted.error()));
  // Shared: copying it would copy all that the layers before have wrapped into it.
  const auto shared = std::make_shared<const Respond>(std::move(respond));
  const bool queued = engine.submit(std::move(*admitted), [shared](SubmitResult result) { (*shared)(submitted_response(result)); });
  if (!queued) (*shared)(unavailable_response("Too many reports are waiting to be stored", "1"));
}

}  // namespace

std::string api_prefix(std::string_view setting) {
  while (setting.starts_with('/')) setting.remove_prefix(1);
  while (setting.ends_with('/')) setting.remove_suffix(1);
  return setting.empty() ? "" : "/" + std::string(setting);
}

void add_report_routes(Router& router, const std::string& prefix, Engine& engine) {
  router.add("POST", prefix + "/keepalive",
             [&engine](const Request& request, std::string_view, Respond respond) { take_report(engine, request, std::move(respond)); });
  router.add("POST", events_path(prefix),
             [&engine](const Request& request, std::string_view, const Respond& respond) { take_events(engine, request, respond); });
}

Service live_service(std::vector<Gate> gates, const std::shared_ptr<Router>& router, const std::string& prefix, LiveFeed& feed) {
  Service service{router, std::move(gates), prefix + "/live"};
  router->add("GET", service.live_path, [](const Request&, std::string_view, const Respond& respond) {
    auto response = error_response(426, "Upgrade required", "This path speaks WebSocket");
    response.headers.emplace_back("Upgrade", "websocket");
    respond(std::move(response));
  });
  service.on_live = [&feed](std::shared_ptr<LiveChannel> channel) -> std::shared_ptr<void> {
    return feed.join([channel = std::move(channel)](std::shared_ptr<const std::string> text) { channel->send(std::move(text)); },
                     wall_now());
  };
  return service;
}

}  // namespace vpn_sentinel
