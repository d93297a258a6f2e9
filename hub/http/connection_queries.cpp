#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "hub/http/connections.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"
#include "hub/ingest/country.hpp"
#include "hub/state/group.hpp"
#include "hub/store/roll_up.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::int64_t usual_hours = 24;
constexpr std::int64_t most_hours = 8760;
constexpr std::int64_t most_hours_in_minutes = 6;
constexpr std::int64_t most_hours_in_hours = 31 * 24;
constexpr std::size_t most_arcs = 1'000;

/// What all these questions have in common.
struct FlowQuestion {
  FlowQuery query{};
  std::int64_t cursor = 0;
  std::size_t limit = usual_page;
};

std::vector<std::string> members_of(const ClientState& group) {
  std::vector<std::string> ids;
  for (const auto& member : group.members) ids.push_back(member.client_id);
  return ids;
}

/// Nullopt: such a client or group is not known, and an answer without flows would look like good news.
std::optional<std::vector<std::string>> clients_named(const Engine& engine, const std::string& id) {
  const auto client = engine.client(id);
  if (!client) return std::nullopt;
  return client->is_group() ? members_of(*client) : std::vector<std::string>{id};
}

struct Asked {
  std::optional<FlowQuestion> question{};
  Response refusal{};
};

Asked refused(int status, std::string_view error, std::string_view message) {
  return {std::nullopt, error_response(status, error, message)};
}

/// Both of `client` and `group`: who is in both.
std::optional<Response> read_clients(const Engine& engine, const std::optional<std::string>& client,
                                     const std::optional<std::string>& group, FlowFilter& filter) {
  const auto add = [&](const std::string& id, std::string_view what, std::string_view name) -> std::optional<Response> {
    const auto found = clients_named(engine, id);
    if (!found) return error_response(404, "Not found", fmt::format("No {} '{}' is known", what, name));
    if (!filter.clients) {
      filter.clients = *found;
    } else {
      std::erase_if(*filter.clients, [&](const std::string& each) { return std::ranges::find(*found, each) == found->end(); });
    }
    return std::nullopt;
  };
  if (client) {
    if (auto refusal = add(*client, "client", *client)) return refusal;
  }
  return group ? add(group_client_id(*group), "group", *group) : std::nullopt;
}

/// `pages`: it has `limit` and `cursor`; `past`: it has `hours`.
Parameters parameters_of(const Request& request, bool past, bool pages) {
  if (!past) return {request.query, {"client", "group", "outside", "limit", "cursor"}};
  if (!pages) return {request.query, {"client", "group", "outside", "hours"}};
  return {request.query, {"client", "group", "outside", "hours", "limit", "cursor"}};
}

Asked ask(const Engine& engine, const Request& request, bool past, bool pages) {
  auto parameters = parameters_of(request, past, pages);
  FlowQuestion question;
  const auto client = parameters.client_id("client");
  const auto group = parameters.group("group");
  question.query.filter.outside_only = parameters.flag("outside");
  const auto hours = parameters.number("hours", 1, most_hours).value_or(usual_hours);
  question.cursor = parameters.cursor().value_or(0);
  question.limit = parameters.limit(usual_page);
  if (parameters.problem()) return refused(400, "Invalid parameter", *parameters.problem());
  if (auto refusal = read_clients(engine, client, group, question.query.filter)) return {std::nullopt, std::move(*refusal)};
  question.query.resolution = hours <= most_hours_in_minutes ? Resolution::minute
                              : hours <= most_hours_in_hours ? Resolution::hour
                                                             : Resolution::day;
  const auto now = wall_now();
  // Whole stretches are added up, and the answer tells from when on.
  question.query.range = {start_of(now - std::chrono::hours{hours}, question.query.resolution), now};
  return {std::move(question), {}};
}

std::string_view to_word(Resolution resolution) {
  return resolution == Resolution::minute ? "minute" : resolution == Resolution::hour ? "hour" : "day";
}

void put_range(json& answer, const TimeRange& range) {
  answer["from"] = to_rfc3339(range.from);
  answer["to"] = to_rfc3339(range.to);
}

/// What is older was removed: an answer without it would look like good news.
Result<void> put_kept(json& answer, FlowReader& reader, const FlowQuery& query) {
  const auto since = reader.kept_since(query.resolution);
  if (!since) return fail(since.error());
  if (*since) answer["kept_since"] = to_rfc3339(**since);
  put_range(answer, query.range);
  return {};
}

void put(json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

template <typename T>
void put(json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

json flow_json(const std::string& client_id, const FlowRow& row) {
  json flow{{"client_id", client_id},
            {"direction", row.incoming ? "in" : "out"},
            {"protocol", row.protocol},
            {"way", row.way},
            {"opened", row.opened},
            {"closed", row.closed},
            {"open", row.open},
            {"first_seen", to_rfc3339(row.first)},
            {"last_seen", to_rfc3339(row.last)}};
  put(flow, "listener", row.listener);
  put(flow, "program", row.program);
  put(flow, "uid", row.uid);
  put(flow, "container", row.container);
  put(flow, "destination", row.destination);
  put(flow, "port", row.port);
  put(flow, "country", row.country);
  put(flow, "asn", row.asn);
  put(flow, "organisation", row.organisation);
  put(flow, "interface", row.interface);
  put(flow, "bytes_out", row.bytes_out);
  put(flow, "bytes_in", row.bytes_in);
  put(flow, "packets_out", row.packets_out);
  put(flow, "packets_in", row.packets_in);
  if (row.folded > 0) flow["folded"] = row.folded;
  return flow;
}

json source_json(const FlowBatch& batch) {
  json source{{"client_id", batch.client_id},   {"time", to_rfc3339(batch.timestamp)},
              {"interval_s", batch.interval_s}, {"destinations", batch.destinations},
              {"sources", batch.sources},       {"countries", batch.countries}};
  put(source, "exit_country", batch.exit_country);
  put(source, "uplink_country", batch.uplink_country);
  put(source, "why", batch.why);
  if (batch.gaps != FlowGaps{}) {
    source["gaps"] = json{{"folded", batch.gaps.folded}, {"lost", batch.gaps.lost}, {"batches", batch.gaps.batches}};
  }
  return source;
}

std::vector<ActiveFlows::Batch> active_of(const ActiveFlows& active, const FlowFilter& filter) {
  auto batches = active.all(wall_now());
  if (!filter.clients) return batches;
  const std::set<std::string> wanted(filter.clients->begin(), filter.clients->end());
  std::erase_if(batches, [&](const auto& batch) { return !wanted.contains(batch->client_id); });
  return batches;
}

struct ActiveCounts {
  std::uint64_t total = 0, outside = 0, unknown = 0;
};

void count(ActiveCounts& counts, const FlowRow& row) {
  counts.total += row.open;
  counts.outside += row.way == "outside" ? row.open : 0;
  counts.unknown += row.way == "unknown" ? row.open : 0;
}

struct ActiveRow {
  const std::string* client_id = nullptr;
  const FlowRow* row = nullptr;
  std::size_t number = 0;  ///< so that pages follow each other
};

/// Outside first, then those with most bytes. Only what is shown is sorted.
void sort_page(std::vector<ActiveRow>& rows, std::size_t begin, std::size_t end) {
  const auto before = [](const ActiveRow& left, const ActiveRow& right) {
    const auto rank = [](const ActiveRow& each) {
      const auto& row = *each.row;
      return std::tuple(row.way != "outside", ~(row.bytes_out.value_or(0) + row.bytes_in.value_or(0)), each.number);
    };
    return rank(left) < rank(right);
  };
  const auto at = [&rows](std::size_t index) { return rows.begin() + static_cast<std::ptrdiff_t>(index); };
  if (begin > 0 && begin < rows.size()) std::nth_element(rows.begin(), at(begin), rows.end(), before);
  std::partial_sort(at(begin), at(end), rows.end(), before);
}

Response active_response(const ActiveFlows& active, const FlowQuestion& question) {
  const auto& filter = question.query.filter;
  const auto batches = active_of(active, filter);
  std::vector<ActiveRow> rows;
  ActiveCounts counts;
  auto clients = json::array();
  for (const auto& batch : batches) {
    clients.push_back(source_json(*batch));
    for (const auto& row : batch->flows) {
      if (filter.outside_only && row.way != "outside") continue;
      count(counts, row);
      rows.push_back({&batch->client_id, &row, rows.size()});
    }
  }
  const auto begin = std::min(rows.size(), static_cast<std::size_t>(question.cursor));
  const auto end = std::min(rows.size(), begin + question.limit);
  sort_page(rows, begin, end);
  auto flows = json::array();
  for (auto i = begin; i < end; ++i) flows.push_back(flow_json(*rows[i].client_id, *rows[i].row));
  json answer{{"flows", std::move(flows)},
              {"total", counts.total},
              {"outside", counts.outside},
              {"left_out", active.left_out(wall_now())},
              {"clients", std::move(clients)}};
  if (end < rows.size()) answer["next"] = fmt::format("{}", end);
  return json_response(200, answer);
}

json active_json(const ActiveFlows& active, const FlowFilter& filter) {
  ActiveCounts counts;
  for (const auto& batch : active_of(active, filter)) {
    for (const auto& row : batch->flows) {
      if (!filter.outside_only || row.way == "outside") count(counts, row);
    }
  }
  return {{"total", counts.total}, {"outside", counts.outside}, {"unknown", counts.unknown}};
}

/// Where the exit of each client is, and where what is outside leaves: as its newest batch says, else its newest report.
class Origins {
 public:
  Origins(const Engine& engine, const ActiveFlows& active) {
    for (const auto& client : engine.clients()) {
      const auto& report = client->last_report;
      if (report.exit && report.exit->country) exits_[client->client_id] = *report.exit->country;
    }
    for (const auto& batch : active.all(wall_now())) {
      if (!batch->exit_country.empty()) exits_[batch->client_id] = batch->exit_country;
      uplinks_[batch->client_id] = batch->uplink_country;
    }
  }
  [[nodiscard]] std::string of(const FlowArc& arc) const {
    const auto& known = arc.outside ? uplinks_ : exits_;
    const auto found = known.find(arc.client_id);
    return found == known.end() ? std::string() : found->second;
  }

 private:
  std::map<std::string, std::string> exits_, uplinks_;
};

json place_json(const std::string& country) {
  const auto place = country_place(country);
  if (!place) return nullptr;
  return {{"country", country}, {"latitude", place->latitude}, {"longitude", place->longitude}};
}

void add(Traffic& sum, const Traffic& more) {
  sum.bytes_out += more.bytes_out;
  sum.bytes_in += more.bytes_in;
  sum.opened += more.opened;
  sum.uncounted += more.uncounted;
}

/// `arcs`: outside first, so that what is cut is red only when there are more of these than are told.
json map_json(const std::vector<FlowArc>& arcs, const Origins& origins) {
  auto list = json::array();
  TrafficByWay unplaced;
  bool more = false;
  for (const auto& arc : arcs) {
    if (!country_place(arc.country)) {
      add(arc.outside ? unplaced.outside : unplaced.tunnel, arc.traffic);
      continue;
    }
    if (list.size() == most_arcs) {
      more = true;  // what is unplaced among the rest counts all the same
      continue;
    }
    list.push_back({{"client_id", arc.client_id},
                    {"outside", arc.outside},
                    {"from", place_json(origins.of(arc))},
                    {"to", place_json(arc.country)},
                    {"traffic", traffic_json(arc.traffic)}});
  }
  return {{"arcs", std::move(list)}, {"unplaced", traffic_json(unplaced)}, {"more", more}};
}

Response unreadable_flows(const Error& error) {
  const bool slow = error.kind == Error::Kind::timed_out;
  return unavailable_response(slow ? error.message : "The database of flows cannot be read; the hub's log says why", "5");
}

/// `answer`: Response(FlowReader&).
template <typename Answer>
void ask_store(FlowEngine& flows, const Respond& respond, Answer answer) {
  const bool asked = flows.query([respond, answer = std::move(answer)](FlowReader& reader) { respond(answer(reader)); });
  if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
}

/// On the reader's thread, as what asks the file: ten thousand clients with a hundred thousand rows hold up no connection.
void answer_active(const Engine&, FlowEngine& flows, const FlowQuestion& question, const Respond& respond) {
  ask_store(flows, respond, [question, &flows](FlowReader&) { return active_response(flows.active(), question); });
}

void answer_stats(const Engine&, FlowEngine& flows, const FlowQuestion& question, const Respond& respond) {
  ask_store(flows, respond, [query = question.query, &flows](FlowReader& reader) {
    auto stats = reader.stats(query);
    if (!stats) return unreadable_flows(stats.error());
    (*stats)["active"] = active_json(flows.active(), query.filter);
    (*stats)["resolution"] = to_word(query.resolution);
    if (auto done = put_kept(*stats, reader, query); !done) return unreadable_flows(done.error());
    return json_response(200, *stats);
  });
}

void answer_map(const Engine& engine, FlowEngine& flows, const FlowQuestion& question, const Respond& respond) {
  const auto origins = std::make_shared<const Origins>(engine, flows.active());
  ask_store(flows, respond, [query = question.query, origins](FlowReader& reader) {
    const auto arcs = reader.arcs(query);
    if (!arcs) return unreadable_flows(arcs.error());
    auto answer = map_json(*arcs, *origins);
    if (auto done = put_kept(answer, reader, query); !done) return unreadable_flows(done.error());
    return json_response(200, answer);
  });
}

void answer_history(const Engine&, FlowEngine& flows, const FlowQuestion& question, const Respond& respond) {
  ask_store(flows, respond, [question](FlowReader& reader) {
    auto page = reader.history({question.query, question.cursor, question.limit});
    if (!page) return unreadable_flows(page.error());
    json answer{{"flows", std::move(page->items)}};
    if (auto done = put_kept(answer, reader, question.query); !done) return unreadable_flows(done.error());
    if (page->next) answer["next"] = fmt::format("{}", *page->next);
    return json_response(200, answer);
  });
}

using FlowAnswer = void (*)(const Engine&, FlowEngine&, const FlowQuestion&, const Respond&);

}  // namespace

void add_flow_read_routes(Router& router, const std::string& prefix, const Engine& engine, const FlowDoor& flows) {
  const auto add = [&](const char* leaf, bool past, bool pages, FlowAnswer answer) {
    router.add("GET", connections_path(prefix) + leaf,
               [&engine, &flows, past, pages, answer](const Request& request, std::string_view, Respond respond) {
                 auto asked = ask(engine, request, past, pages);
                 if (!asked.question) return respond(std::move(asked.refusal));
                 auto* flow_engine = flows.engine();
                 if (flow_engine == nullptr) return respond(closed_response(flows));
                 answer(engine, *flow_engine, *asked.question, negotiated(request, std::move(respond)));
               });
  };
  add("/active", false, true, answer_active);
  add("/stats", true, false, answer_stats);
  add("/map", true, false, answer_map);
  add("/history", true, true, answer_history);
}

}  // namespace vpn_sentinel
