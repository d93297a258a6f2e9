#include "hub/store/sqlite_flow_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_time_limit.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_top = 20;
/// Distinct programs or countries of one answer; programs choose their names themselves.
constexpr std::size_t most_distinct = 20'000;

/// ?1 resolution, ?2 from, ?3 to, ?4 a list of client ids in JSON, ?5 whether that list counts, ?6 whether only outside counts.
constexpr std::string_view from_sql =
    "FROM flow_samples AS s JOIN flow_kinds AS k ON k.id = s.kind WHERE s.resolution = ?1 AND s.start >= ?2 AND s.start < ?3 AND "
    "(?5 = 0 OR k.client IN (SELECT id FROM flow_clients WHERE client_id IN (SELECT value FROM json_each(?4)))) AND "
    "(?6 = 0 OR k.way = 'outside')";
constexpr std::string_view place_sql = "CASE k.way WHEN 'tunnel' THEN 0 WHEN 'outside' THEN 1 ELSE 2 END";
/// total() has no overflow.
constexpr std::string_view sums_sql = "total(s.bytes_out), total(s.bytes_in), total(s.opened), total(s.entries) - total(s.counted)";

std::uint64_t whole(std::optional<double> number) {
  constexpr double most = 9e18;
  return static_cast<std::uint64_t>(std::clamp(number.value_or(0), 0.0, most));
}

Traffic read_traffic(const Statement& row, int column) {
  return {whole(row.optional_number(column)), whole(row.optional_number(column + 1)), whole(row.optional_number(column + 2)),
          whole(row.optional_number(column + 3))};
}

Traffic& part_of(TrafficByWay& traffic, std::int64_t place) {
  return place == 0 ? traffic.tunnel : place == 1 ? traffic.outside : traffic.other;
}

/// Numbers come from outside: they never wrap around.
std::uint64_t sum_of(std::uint64_t left, std::uint64_t right) {
  return left > std::numeric_limits<std::uint64_t>::max() - right ? std::numeric_limits<std::uint64_t>::max() : left + right;
}

void add(Traffic& sum, const Traffic& more) {
  sum.bytes_out = sum_of(sum.bytes_out, more.bytes_out);
  sum.bytes_in = sum_of(sum.bytes_in, more.bytes_in);
  sum.opened = sum_of(sum.opened, more.opened);
  sum.uncounted = sum_of(sum.uncounted, more.uncounted);
}

std::uint64_t bytes_of(const TrafficByWay& traffic) {
  return traffic.tunnel.bytes_out + traffic.tunnel.bytes_in + traffic.outside.bytes_out + traffic.outside.bytes_in +
         traffic.other.bytes_out + traffic.other.bytes_in;
}

using ByName = std::map<std::string, TrafficByWay, std::less<>>;

/// What a time's samples come to. Each of them is read once: to join it with its kind is most of the work.
struct FlowSums {
  TrafficByWay totals{};
  std::map<std::int64_t, TrafficByWay> stretches{};
  ByName countries{}, programs{};
  /// Where a kind's samples go: its texts are looked at once.
  struct OfKind {
    std::int64_t place = 0;
    TrafficByWay* country = nullptr;  ///< null: there are too many
    TrafficByWay* program = nullptr;
  };
  std::unordered_map<std::int64_t, OfKind> kinds{};
};

TrafficByWay* named(ByName& all, std::string_view name) {
  if (const auto known = all.find(name); known != all.end()) return &known->second;
  return all.size() < most_distinct ? &all.emplace(name, TrafficByWay{}).first->second : nullptr;
}

void take(FlowSums& sums, const Statement& row) {
  const auto [kind, is_new] = sums.kinds.try_emplace(row.integer(1));
  auto& [place, country, program] = kind->second;
  if (is_new) kind->second = {row.integer(2), named(sums.countries, row.text(3)), named(sums.programs, row.text(4))};
  const auto traffic = read_traffic(row, 5);
  add(part_of(sums.totals, place), traffic);
  add(part_of(sums.stretches[row.integer(0)], place), traffic);
  if (country != nullptr) add(part_of(*country, place), traffic);
  if (program != nullptr) add(part_of(*program, place), traffic);
}

json over_time_json(const std::map<std::int64_t, TrafficByWay>& stretches, Resolution resolution) {
  const auto length = std::chrono::duration_cast<std::chrono::seconds>(length_of(resolution)).count();
  auto list = json::array();
  for (const auto& [start, traffic] : stretches) {
    auto item = traffic_json(traffic);
    item["start"] = to_rfc3339(time_of(start));
    item["length_s"] = length;
    list.push_back(std::move(item));
  }
  return list;
}

json top_of(const ByName& all, const char* name) {
  std::vector<const ByName::value_type*> sorted;
  for (const auto& each : all) sorted.push_back(&each);
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto* each) { return bytes_of(each->second); });
  if (sorted.size() > most_top) sorted.resize(most_top);
  auto list = json::array();
  for (const auto* each : sorted) {
    auto item = traffic_json(each->second);
    item[name] = each->first.empty() ? json() : json(each->first);
    list.push_back(std::move(item));
  }
  return list;
}

void put(json& object, const char* key, std::string_view text) {
  if (!text.empty()) object[key] = std::string(text);
}

void put_unless_absent(json& object, const char* key, std::int64_t number) {
  if (number >= 0) object[key] = number;
}

class SqliteFlowReader final : public FlowReader {
 public:
  struct Statements {
    Statement samples, gaps, arcs, history, kept_since;
  };

  SqliteFlowReader(Database database, Statements statements) : database_(std::move(database)), sql_(std::move(statements)) {}

  Result<json> stats(const FlowQuery& query) override {
    const TimeLimit limit(database_.handle());
    FlowSums sums;
    auto done = ask(sql_.samples, query, [&sums](const Statement& row) { take(sums, row); });
    if (!done) return fail(done.error());
    auto gaps = read_gaps(query);
    if (!gaps) return fail(gaps.error());
    return json{{"totals", traffic_json(sums.totals)},
                {"gaps", std::move(*gaps)},
                {"top_countries", top_of(sums.countries, "country")},
                {"top_processes", top_of(sums.programs, "program")},
                {"bytes_over_time", over_time_json(sums.stretches, query.resolution)}};
  }

  Result<std::vector<FlowArc>> arcs(const FlowQuery& query) override {
    const TimeLimit limit(database_.handle());
    std::vector<FlowArc> arcs;
    auto done = ask(sql_.arcs, query, [&arcs](const Statement& row) {
      arcs.push_back({std::string(row.text(0)), row.text(1) == "outside", std::string(row.text(2)), read_traffic(row, 3)});
    });
    if (!done) return fail(done.error());
    std::ranges::stable_sort(arcs, std::greater<>(),
                             [](const FlowArc& arc) { return std::pair(arc.outside, arc.traffic.bytes_out + arc.traffic.bytes_in); });
    return arcs;
  }

  Result<Page> history(const FlowPageQuery& query) override {
    const TimeLimit limit(database_.handle());
    Page page;
    const auto most = std::clamp<std::size_t>(query.most, 1, largest_page);
    std::int64_t last = 0;
    const auto on_row = [&](const Statement& row) {
      if (page.items.size() == most) {
        page.next = last;
        return;
      }
      last = row.integer(0);
      page.items.push_back(flow_of(row));
    };
    const auto cursor = query.cursor > 0 ? query.cursor : std::numeric_limits<std::int64_t>::max();
    auto done = ask(sql_.history, query.about, on_row, cursor, static_cast<std::int64_t>(most) + 1);
    if (!done) return fail(done.error());
    return page;
  }

  Result<std::optional<WallTime>> kept_since(Resolution resolution) override {
    std::optional<WallTime> since;
    auto done =
        sql_.kept_since.query([&since](const Statement& row) { since = time_of(row.integer(0)); }, static_cast<std::int64_t>(resolution));
    if (!done) return fail(done.error());
    return since;
  }

 private:
  template <typename OnRow, typename... More>
  Result<void> ask(Statement& statement, const FlowQuery& query, OnRow on_row, const More&... more) {
    const auto clients = json(query.filter.clients.value_or(std::vector<std::string>())).dump();
    return statement.query(on_row, static_cast<std::int64_t>(query.resolution), number_of(start_of(query.range.from, query.resolution)),
                           number_of(query.range.to), clients, std::int64_t{query.filter.clients ? 1 : 0},
                           std::int64_t{query.filter.outside_only ? 1 : 0}, more...);
  }

  Result<json> read_gaps(const FlowQuery& query) {
    auto gaps = json::object();
    auto done = ask(sql_.gaps, query, [&gaps](const Statement& row) {
      gaps = {
          {"folded", whole(row.optional_number(0))}, {"lost", whole(row.optional_number(1))}, {"batches", whole(row.optional_number(2))}};
    });
    if (!done) return fail(done.error());
    return gaps;
  }

  static json flow_of(const Statement& row) {
    json flow{{"client_id", std::string(row.text(1))},
              {"direction", row.integer(2) != 0 ? "in" : "out"},
              {"protocol", std::string(row.text(7))},
              {"way", std::string(row.text(14))},
              {"opened", whole(row.optional_number(21))},
              {"closed", whole(row.optional_number(22))},
              {"first_seen", to_rfc3339(time_of(row.integer(24)))},
              {"last_seen", to_rfc3339(time_of(row.integer(25)))}};
    put(flow, "listener", row.text(3));
    put(flow, "program", row.text(4));
    put_unless_absent(flow, "uid", row.integer(5));
    put(flow, "container", row.text(6));
    put(flow, "destination", row.text(8));
    put_unless_absent(flow, "port", row.integer(9));
    put(flow, "country", row.text(10));
    put_unless_absent(flow, "asn", row.integer(11));
    put(flow, "organisation", row.text(12));
    put(flow, "interface", row.text(13));
    if (row.integer(15) > 0) {
      flow["bytes_out"] = whole(row.optional_number(16));
      flow["bytes_in"] = whole(row.optional_number(17));
    }
    if (row.integer(18) > 0) {
      flow["packets_out"] = whole(row.optional_number(19));
      flow["packets_in"] = whole(row.optional_number(20));
    }
    if (row.integer(23) > 0) flow["folded"] = row.integer(23);
    return flow;
  }

  Database database_;
  Statements sql_;
};

}  // namespace

Result<std::unique_ptr<FlowReader>> open_sqlite_flow_reader(const std::string& file) {
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  if (auto done = database->execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY"); !done) return fail(done.error());
  SqliteFlowReader::Statements statements;
  using Of = SqliteFlowReader::Statements;
  const std::pair<Statement Of::*, std::string> texts[] = {
      {&Of::samples, fmt::format("SELECT s.start, k.id, {0}, k.country, k.program, s.bytes_out, s.bytes_in, s.opened, "
                                 "s.entries - s.counted {1}",
                                 place_sql, from_sql)},
      // ?6 has nothing to do with them: what is missing may have been outside.
      {&Of::gaps,
       "SELECT total(folded), total(lost), total(batches) FROM flow_gaps WHERE resolution = ?1 AND start >= ?2 AND start < ?3 AND "
       "(?5 = 0 OR client IN (SELECT id FROM flow_clients WHERE client_id IN (SELECT value FROM json_each(?4)))) AND ?6 >= 0"},
      {&Of::arcs, fmt::format("SELECT (SELECT client_id FROM flow_clients WHERE id = k.client), k.way, k.country, {0} {1} AND "
                              "k.way IN ('tunnel', 'outside') GROUP BY k.client, k.way, k.country",
                              sums_sql, from_sql)},
      {&Of::history,
       fmt::format("SELECT k.id, (SELECT client_id FROM flow_clients WHERE id = k.client), k.incoming, k.listener, k.program, k.uid, "
                   "k.container, k.protocol, k.destination, k.port, k.country, k.asn, k.organisation, k.interface, k.way, "
                   "total(s.counted) > 0, total(s.bytes_out), total(s.bytes_in), total(s.packets_counted) > 0, total(s.packets_out), "
                   "total(s.packets_in), total(s.opened), total(s.closed), max(s.folded), min(s.first), max(s.last) {} AND s.kind < ?7 "
                   "GROUP BY k.id ORDER BY k.id DESC LIMIT ?8",
                   from_sql)},
      {&Of::kept_since, "SELECT since FROM flow_kept WHERE resolution = ?1"},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database->prepare(sql);
    if (!prepared) return fail(prepared.error());
    statements.*statement = std::move(*prepared);
  }
  return std::make_unique<SqliteFlowReader>(std::move(*database), std::move(statements));
}

}  // namespace vpn_sentinel
