#include "hub/http/api.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t usual_history = 100;
constexpr std::size_t most_history = 1000;

Response unavailable(std::string_view message, std::string retry_after) {
  auto response = error_response(503, "Service unavailable", message);
  response.headers.emplace_back("Retry-After", std::move(retry_after));
  return response;
}

/// The hot path: written by hand, keys in the order in which a JSON library sorts them.
Response stored_response() {
  return {200,
          "application/json",
          fmt::format("{{\"message\":\"Keepalive received\",\"server_time\":\"{}\",\"status\":\"ok\"}}\n", to_rfc3339(wall_now())),
          {}};
}

Response submitted_response(SubmitResult result) {
  if (is_kept(result)) return stored_response();
  if (result != SubmitResult::store_full) return unavailable(reason_of(result), "5");
  auto response = error_response(http_status(result), "Insufficient storage", reason_of(result));
  response.headers.emplace_back("Retry-After", "15");  // people have to make room
  return response;
}

void take_report(Engine& engine, const Request& request, const Respond& respond) {
  auto admitted = admit(request.body, request.peer_address, wall_now());
  if (!admitted) return respond(error_response(admitted.error().status, admitted.error().error, admitted.error().message));
  const bool queued = engine.submit(std::move(*admitted), [respond](SubmitResult result) { respond(submitted_response(result)); });
  if (!queued) respond(unavailable("Too many reports are waiting to be stored", "1"));
}

/// Clients that are offline are left out, as the Python original forgets them: a record here means that the client reports.
Response status_response(const Engine& engine) {
  auto json = nlohmann::json::object();
  for (const auto& client : engine.clients()) {
    if (client->state != State::offline) json[client->client_id] = to_status_json(*client);
  }
  return json_response(200, json);
}

Response clients_response(const Engine& engine) {
  auto clients = nlohmann::json::array();
  for (const auto& client : engine.clients()) clients.push_back(to_json(*client));
  return json_response(200, {{"clients", std::move(clients)}, {"server_time", to_rfc3339(wall_now())}});
}

Response unknown_client(std::string_view id) { return error_response(404, "Not found", fmt::format("No client '{}' is known", id)); }

/// `limit` of the query; nullopt when it is no number from 1 to most_history.
std::optional<std::size_t> history_limit(std::string_view query) {
  const auto text = query_value(query, "limit");
  if (text.empty()) return usual_history;
  std::size_t limit = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || stop != text.data() + text.size() || limit == 0 || limit > most_history) return std::nullopt;
  return limit;
}

void answer_history(Engine& engine, std::string id, std::string_view query, const Respond& respond) {
  const auto limit = history_limit(query);
  if (!limit) return respond(error_response(400, "Invalid limit", fmt::format("limit must be a number from 1 to {}", most_history)));
  if (!engine.client(id)) return respond(unknown_client(id));
  HistoryQuery question;
  question.client_id = std::move(id);
  question.most = *limit;
  const bool asked = engine.query([respond, question = std::move(question)](StoreReader& reader) {
    auto history = reader.history(question);
    respond(history ? json_response(200, {{"changes", std::move(history->items)}}) : unavailable("The history cannot be read", "5"));
  });
  if (!asked) respond(unavailable("Too many questions are waiting", "1"));
}

}  // namespace

std::string api_prefix(std::string_view setting) {
  while (setting.starts_with('/')) setting.remove_prefix(1);
  while (setting.ends_with('/')) setting.remove_suffix(1);
  return setting.empty() ? "" : "/" + std::string(setting);
}

void add_report_routes(Router& router, const std::string& prefix, Engine& engine) {
  router.add("POST", prefix + "/keepalive",
             [&engine](const Request& request, std::string_view, const Respond& respond) { take_report(engine, request, respond); });
}

void add_read_routes(Router& router, const std::string& prefix, Engine& engine) {
  router.add("GET", prefix + "/status",
             [&engine](const Request&, std::string_view, const Respond& respond) { respond(status_response(engine)); });
  router.add("GET", prefix + "/clients",
             [&engine](const Request&, std::string_view, const Respond& respond) { respond(clients_response(engine)); });
  router.add("GET", prefix + "/clients/{id}", [&engine](const Request&, std::string_view id, const Respond& respond) {
    const auto client = engine.client(std::string(id));
    respond(client ? json_response(200, to_json(*client)) : unknown_client(id));
  });
  router.add("GET", prefix + "/clients/{id}/history", [&engine](const Request& request, std::string_view id, const Respond& respond) {
    answer_history(engine, std::string(id), request.query, respond);
  });
}

Routes make_routes(std::vector<Gate> gates, std::shared_ptr<const Router> router) {
  Routes routes;
  routes.handle = [gates = std::move(gates), router = std::move(router)](const Request& request, Respond respond) {
    if (auto refused = pass_gates(gates, request)) return respond(std::move(*refused));
    router->handle(request, std::move(respond));
  };
  return routes;
}

Routes make_live_routes(std::vector<Gate> gates, std::shared_ptr<Router> router, const std::string& prefix, LiveFeed& feed) {
  const auto path = prefix + "/live";
  router->add("GET", path, [](const Request&, std::string_view, const Respond& respond) {
    auto response = error_response(426, "Upgrade required", "This path speaks WebSocket");
    response.headers.emplace_back("Upgrade", "websocket");
    respond(std::move(response));
  });
  auto routes = make_routes(gates, std::move(router));
  routes.admit_live = [gates = std::move(gates), path](const Request& request) -> std::optional<Response> {
    if (auto refused = pass_gates(gates, request)) return refused;
    if (request.path != path) return error_response(404, "Not found", "No WebSocket is served at this path");
    return std::nullopt;
  };
  routes.on_live = [&feed](std::shared_ptr<LiveChannel> channel) -> std::shared_ptr<void> {
    return feed.join([channel = std::move(channel)](std::shared_ptr<const std::string> text) { channel->send(std::move(text)); },
                     wall_now());
  };
  return routes;
}

}  // namespace vpn_sentinel
