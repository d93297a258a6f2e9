#include "hub/http/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hub/http/negotiation.hpp"
#include "hub/http/openapi.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reliability.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/status_text.hpp"
#include "hub/state/care.hpp"
#include "hub/state/client_texts.hpp"

namespace vpn_sentinel {
namespace {

using Snapshot = std::shared_ptr<const ClientState>;

Response unknown_client(std::string_view id) { return error_response(404, "Not found", fmt::format("No client '{}' is known", id)); }

std::optional<State> read_state(Parameters& parameters) {
  return parameters.choice<State>("state", {{"secure", State::secure},
                                            {"warning", State::warning},
                                            {"contained", State::contained},
                                            {"danger", State::danger},
                                            {"offline", State::offline}});
}

std::optional<Change::Kind> read_kind(Parameters& parameters) {
  using Kind = Change::Kind;
  return parameters.choice<Kind>("kind", {{"connected", Kind::connected},
                                          {"state_changed", Kind::state_changed},
                                          {"address_changed", Kind::address_changed},
                                          {"went_offline", Kind::went_offline},
                                          {"came_back", Kind::came_back}});
}

/// `text`: a JSON object without its closing brace; the time of the answer comes last. It is no part of what the tag stands for, hence a
/// weak one.
Response clients_response(std::string text) {
  auto tag = "W/" + tag_of(text);
  text += fmt::format(",\"server_time\":\"{}\"}}\n", to_rfc3339(wall_now()));
  return {200, "application/json", std::move(text), {{"ETag", std::move(tag)}}};
}

void answer_clients(const Engine& engine, ClientTexts& texts, const Request& request, const Respond& respond) {
  Parameters parameters(request.query, {"limit", "after", "state"});
  const auto limit = parameters.limit(largest_page);
  const auto after = parameters.client_id("after").value_or("");
  const auto state = read_state(parameters);
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  const auto clients = engine.clients();
  texts.trim(clients.size());
  auto client = std::ranges::upper_bound(clients, after, {}, [](const Snapshot& each) -> const std::string& { return each->client_id; });
  std::string text = "{\"clients\":[";
  std::string_view last;
  bool more = false;
  std::size_t count = 0;
  for (; client != clients.end() && !more; ++client) {
    if (state && (*client)->state != *state) continue;
    more = count == limit;
    if (more) continue;
    if (count++ > 0) text += ',';
    text += *texts.of(*client);
    last = (*client)->client_id;
  }
  text += ']';
  if (more) text += fmt::format(",\"next\":\"{}\"", last);  // a client id needs no escapes
  respond(clients_response(std::move(text)));
}

Response groups_response(const Engine& engine) {
  auto groups = nlohmann::json::array();
  for (const auto& group : engine.groups()) groups.push_back(to_json(*group));
  auto text = to_text({{"groups", std::move(groups)}});
  return clients_response(text.substr(0, text.rfind('}')));
}

Response page_response(std::string_view name, Page page) {
  nlohmann::json answer{{name, std::move(page.items)}};
  if (page.next) answer["next"] = fmt::format("{}", *page.next);
  return json_response(200, answer);
}

/// `read`: Result<Page>(StoreReader&).
template <typename Read>
void ask_store(Engine& engine, std::string_view name, const Respond& respond, Read read) {
  const bool asked = engine.query([name, respond, read = std::move(read)](StoreReader& reader) {
    auto page = read(reader);
    respond(page ? page_response(name, std::move(*page)) : unreadable_response(page.error()));
  });
  if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
}

void answer_history(Engine& engine, const Request& request, const std::string& id, const Respond& respond) {
  Parameters parameters(request.query, {"from", "to", "kind", "limit", "cursor"});
  const HistoryQuery query{id, parameters.range(), read_kind(parameters), parameters.cursor().value_or(0), parameters.limit(usual_page)};
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  ask_store(engine, "changes", respond, [query](StoreReader& reader) { return reader.history(query); });
}

void answer_samples(Engine& engine, const Request& request, const std::string& id, const Respond& respond) {
  Parameters parameters(request.query, {"resolution", "from", "to", "limit", "cursor"});
  const auto resolution =
      parameters.choice<Resolution>("resolution", {{"minute", Resolution::minute}, {"hour", Resolution::hour}, {"day", Resolution::day}});
  const SampleQuery query{id, resolution.value_or(Resolution::hour), parameters.range(), parameters.cursor(), parameters.limit(usual_page)};
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  ask_store(engine, "samples", respond, [query](StoreReader& reader) { return reader.samples(query); });
}

void answer_reports(Engine& engine, const Request& request, const std::string& id, const Respond& respond) {
  Parameters parameters(request.query, {"from", "to", "limit", "cursor"});
  const ReportQuery query{id, parameters.range(), parameters.cursor().value_or(0), parameters.limit(usual_page)};
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  ask_store(engine, "reports", respond, [query](StoreReader& reader) { return reader.reports(query); });
}

/// A client that was forgotten may still have incidents; one that is unknown and has none is a misspelt name, and no good news.
void answer_incidents(Engine& engine, const Request& request, const Respond& respond) {
  Parameters parameters(request.query, {"client", "open", "from", "to", "limit", "cursor"});
  IncidentQuery query;
  query.client_id = parameters.client_id("client");
  query.open_only = parameters.flag("open");
  query.range = parameters.range();
  query.cursor = parameters.cursor().value_or(0);
  query.most = parameters.limit(usual_page);
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  const bool known = !query.client_id || engine.client(*query.client_id);
  const auto unless_unknown = [known, respond, id = query.client_id.value_or("")](Response response) {
    const bool empty = !known && response.status == 200 && response.body.starts_with(R"({"incidents":[])");
    respond(empty ? unknown_client(id) : std::move(response));
  };
  ask_store(engine, "incidents", unless_unknown, [query](StoreReader& reader) { return reader.incidents(query); });
}

/// What an incident says of its mute: the one of its client or of the client's group.
void add_mute(const Engine& engine, const std::vector<Kept>& mutes, WallTime now, nlohmann::json& incident) {
  Care care;
  for (const auto& row : mutes) {
    if (auto mute = parse_mute(row.json)) care.mutes.insert_or_assign(row.name, std::move(*mute));
  }
  const auto client_id = incident.value("client_id", "");
  const auto client = engine.client(client_id);
  const auto* mute = care.mute_of(client_id, client ? client->last_report.group : "", now);
  incident["muted"] = mute != nullptr;
  incident["muted_until"] = mute != nullptr && mute->until ? nlohmann::json(to_rfc3339(*mute->until)) : nlohmann::json(nullptr);
}

void answer_incident(Engine& engine, std::string_view text, const Respond& respond) {
  std::int64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  const auto unknown = error_response(404, "Not found", fmt::format("There is no incident '{}'", text));
  if (!is_number) return respond(unknown);
  const bool asked = engine.query([id, unknown, respond, &engine](StoreReader& reader) {
    const auto now = wall_now();
    auto incident = reader.incident(id, now);
    if (!incident) return respond(unreadable_response(incident.error()));
    if (incident->is_null()) return respond(unknown);
    const auto mutes = reader.kept(KeptKind::mute);
    if (!mutes) return respond(unreadable_response(mutes.error()));
    add_mute(engine, *mutes, now, *incident);
    respond(json_response(200, *incident));
  });
  if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
}

using AnswerAboutClient = void (*)(Engine&, const Request&, const std::string& id, const Respond&);

/// A question about one client that must be known.
void add_client_route(Router& router, const std::string& pattern, Engine& engine, AnswerAboutClient answer) {
  router.add("GET", pattern, [&engine, answer](const Request& request, std::string_view id, Respond respond) {
    const std::string client_id(id);
    if (!engine.client(client_id)) return respond(unknown_client(id));
    answer(engine, request, client_id, negotiated(request, std::move(respond)));
  });
}

void answer_client(Engine& engine, const Request& /*request*/, const std::string& id, const Respond& respond) {
  const auto client = engine.client(id);
  respond(client ? json_response(200, to_json(*client)) : unknown_client(id));
}

}  // namespace

void add_read_routes(Router& router, const std::string& prefix, Engine& engine) {
  router.add("GET", prefix + "/status",
             [&engine, text = std::make_shared<StatusText>()](const Request& request, std::string_view, const Respond& respond) {
               respond(Wish(request).answer(*text->of(engine.clients())));
             });
  router.add("GET", prefix + "/clients",
             [&engine, texts = std::make_shared<ClientTexts>()](const Request& request, std::string_view, Respond respond) {
               answer_clients(engine, *texts, request, negotiated(request, std::move(respond)));
             });
  router.add("GET", prefix + "/groups", [&engine](const Request& request, std::string_view, Respond respond) {
    negotiated(request, std::move(respond))(groups_response(engine));
  });
  add_client_route(router, prefix + "/clients/{id}", engine, answer_client);
  add_client_route(router, prefix + "/clients/{id}/history", engine, answer_history);
  add_client_route(router, prefix + "/clients/{id}/samples", engine, answer_samples);
  add_client_route(router, prefix + "/clients/{id}/reports", engine, answer_reports);
  router.add("GET", prefix + "/incidents", [&engine](const Request& request, std::string_view, Respond respond) {
    answer_incidents(engine, request, negotiated(request, std::move(respond)));
  });
  router.add("GET", prefix + "/incidents/{id}", [&engine](const Request& request, std::string_view id, Respond respond) {
    answer_incident(engine, id, negotiated(request, std::move(respond)));
  });
  add_reliability_routes(router, prefix, engine);
  add_openapi_route(router, prefix);
}

}  // namespace vpn_sentinel
