#include "hub/store/sqlite_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "hub/store/codec.hpp"
#include "hub/store/migrations.hpp"
#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_kept.hpp"
#include "hub/store/sqlite_reliability.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/sqlite_time_limit.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

std::int64_t rows_of(std::size_t most) { return static_cast<std::int64_t>(std::clamp<std::size_t>(most, 1, largest_page)); }
std::int64_t below(std::int64_t cursor) { return cursor > 0 ? cursor : std::numeric_limits<std::int64_t>::max(); }

constexpr std::string_view history_sql =
    "SELECT id, json FROM changes WHERE client = (SELECT id FROM names WHERE client_id = ?1) AND id < ?2 AND at >= ?3 AND at < ?4 "
    "AND (?5 = '' OR kind = ?5) ORDER BY id DESC LIMIT ?6";
// Both are answered in the order of an index. The last question has `until` as a constant, as the partial index wants it.
constexpr std::string_view incidents_sql =
    "SELECT id, json, (SELECT count(*) FROM comments WHERE incident = incidents.id) FROM incidents WHERE ?1 = '' AND id < ?2 AND until > "
    "?3 "
    "AND start < ?4 ORDER BY id DESC LIMIT ?5";
constexpr std::string_view client_incidents_sql =
    "SELECT id, json, (SELECT count(*) FROM comments WHERE incident = incidents.id) FROM incidents WHERE client = (SELECT id FROM names "
    "WHERE client_id = ?1) AND id < ?2 AND until > ?3 AND start < ?4 "
    "ORDER BY id DESC LIMIT ?5";
constexpr std::string_view open_incidents_sql =
    "SELECT id, json, (SELECT count(*) FROM comments WHERE incident = incidents.id) FROM incidents WHERE (?1 = '' OR client = (SELECT id "
    "FROM names WHERE client_id = ?1)) AND id < ?2 AND "
    "until = 9223372036854775807 AND ?3 < 9223372036854775807 AND start < ?4 ORDER BY id DESC LIMIT ?5";
constexpr std::string_view incident_sql =
    "SELECT id, json, (SELECT count(*) FROM comments WHERE incident = incidents.id) FROM incidents WHERE id = ?1";
constexpr std::string_view comments_sql = "SELECT id, at, author, text FROM comments WHERE incident = ?1 ORDER BY id";
constexpr std::string_view kept_sql = "SELECT name, json FROM kept WHERE kind = ?1 ORDER BY name";
// The next stretch that exists for anybody.
constexpr std::string_view next_sample_sql =
    "SELECT start FROM samples WHERE resolution = ?1 AND start >= ?2 AND start < ?3 ORDER BY start LIMIT 1";
// Those that are not entered into numbers yet are found one after the other; they are few, or the hub is very busy. In the middle of
// entering them some are found twice.
constexpr std::string_view report_ids_sql =
    "SELECT report FROM numbers WHERE boot IN (SELECT id FROM boots WHERE client = (SELECT id FROM names WHERE client_id = ?1)) "
    "AND report < ?2 "
    "UNION SELECT id FROM reports WHERE id > coalesce((SELECT value FROM marks WHERE name = 'numbered'), 0) AND id < ?2 "
    "AND client = (SELECT id FROM names WHERE client_id = ?1) "
    "UNION SELECT id FROM reports INDEXED BY reports_without_boot "
    "WHERE client = (SELECT id FROM names WHERE client_id = ?1) AND boot_id = '' AND id < ?2 ORDER BY 1 DESC";
constexpr std::string_view report_sql = "SELECT time, received, source, json FROM reports WHERE id = ?1 AND time >= ?2 AND time < ?3";

constexpr std::string_view alerts_sql =
    "SELECT id, channel, text, created, attempts, delivered, gave_up, last_error FROM alerts WHERE id < ?1 AND (?2 = '' OR channel = ?2) "
    "AND (?3 < 0 OR CASE WHEN delivered IS NOT NULL THEN 1 WHEN gave_up <> 0 THEN 2 ELSE 0 END = ?3) ORDER BY id DESC LIMIT ?4";

class SqliteReader final : public StoreReader {
 public:
  struct Statements {
    Statement history, incidents, client_incidents, open_incidents, incident, comments, kept, next_sample, sample, report_ids, report,
        alerts;
  };

  SqliteReader(Database database, Statements statements, SqliteReliability reliability)
      : database_(std::move(database)), sql_(std::move(statements)), reliability_(std::move(reliability)) {}

  Result<Page> history(const HistoryQuery& query) override {
    const TimeLimit limit(database_.handle());
    Page page;
    PageFilter filter(page, query.most);
    const auto kind = query.kind ? to_string(*query.kind) : std::string_view();
    auto done = sql_.history.query(
        [&](const Statement& row) { filter.add(row.integer(0), [&] { return decode_change_text(row.text(1)); }); }, query.client_id,
        below(query.cursor), number_of(query.range.from), number_of(query.range.to), kind, rows_of(query.most) + 1);
    if (!done) return fail(done.error());
    return page;
  }

  Result<Page> incidents(const IncidentQuery& query) override {
    const TimeLimit limit(database_.handle());
    Page page;
    PageFilter filter(page, query.most);
    auto& statement = query.open_only ? sql_.open_incidents : query.client_id ? sql_.client_incidents : sql_.incidents;
    auto done = statement.query(
        [&](const Statement& row) {
          const auto incident = incident_of(row);
          if (incident) filter.add(incident->id, [&] { return incident_json(*incident, query.now, row.integer(2)); });
        },
        query.client_id.value_or(std::string()), below(query.cursor), number_of(query.range.from), number_of(query.range.to),
        rows_of(query.most) + 1);
    if (!done) return fail(done.error());
    return page;
  }

  Result<nlohmann::json> incident(std::int64_t id, WallTime now) override {
    const TimeLimit limit(database_.handle());
    nlohmann::json found;
    auto done = sql_.incident.query(
        [&](const Statement& row) {
          if (const auto incident = incident_of(row)) found = incident_json(*incident, now, row.integer(2));
        },
        id);
    if (!done) return fail(done.error());
    if (found.is_null()) return found;
    auto& comments = found["comments"] = nlohmann::json::array();
    const auto add = [&comments](const Statement& row) {
      comments.push_back(
          to_json(IncidentComment{row.integer(0), time_of(row.integer(1)), std::string(row.text(2)), std::string(row.text(3))}));
    };
    if (done = sql_.comments.query(add, id); !done) return fail(done.error());
    return found;
  }

  Result<std::vector<Kept>> kept(KeptKind kind) override {
    const TimeLimit limit(database_.handle());
    return read_kept(sql_.kept, kind);
  }

  /// Tables are in the order of time: for each stretch that exists at all, the client's row is looked up.
  Result<Page> samples(const SampleQuery& query) override {
    const TimeLimit limit(database_.handle());
    const auto resolution = static_cast<std::int64_t>(query.resolution);
    Page page;
    PageFilter filter(page, query.most);
    auto start = start_of(std::max(query.range.from, WallTime{}), query.resolution);
    if (query.cursor) start = time_of(*query.cursor) + length_of(query.resolution);
    while (!filter.full()) {
      if (limit.over()) return fail(TimeLimit::exceeded());
      std::optional<WallTime> found;
      auto done = sql_.next_sample.query([&found](const Statement& row) { found = time_of(row.integer(0)); }, resolution, number_of(start),
                                         number_of(query.range.to));
      if (done && !found) break;
      const auto add = [&](const Statement& row) {
        filter.add(number_of(*found), [&] { return sample_json(read_sample(row, 0), *found, query.resolution); });
      };
      if (done) done = sql_.sample.query(add, resolution, number_of(*found), query.client_id);
      if (!done) return fail(done.error());
      start = *found + microseconds{1};
    }
    return page;
  }

  Result<Page> reports(const ReportQuery& query) override {
    const TimeLimit limit(database_.handle());
    std::vector<std::int64_t> ids;
    auto done =
        sql_.report_ids.query([&ids](const Statement& row) { ids.push_back(row.integer(0)); }, query.client_id, below(query.cursor));
    if (!done) return fail(done.error());
    Page page;
    PageFilter filter(page, query.most);
    for (const auto id : ids) {
      if (filter.full()) break;
      if (limit.over()) return fail(TimeLimit::exceeded());
      done = sql_.report.query([&](const Statement& row) { filter.add(id, [&row] { return report_of(row); }); }, id,
                               number_of(query.range.from), number_of(query.range.to));
      if (!done) return fail(done.error());
    }
    return page;
  }

  Result<std::vector<SubjectReliability>> reliability(const ReliabilityQuery& query) override {
    const TimeLimit limit(database_.handle());
    return reliability_.answer(query, limit);
  }

  Result<Page> alerts(const AlertQuery& query) override {
    const TimeLimit limit(database_.handle());
    Page page;
    PageFilter filter(page, query.most);
    const auto state = query.state ? static_cast<std::int64_t>(*query.state) : std::int64_t{-1};
    auto done = sql_.alerts.query([&](const Statement& row) { filter.add(row.integer(0), [&row] { return alert_of(row); }); },
                                  below(query.cursor), query.channel, state, rows_of(query.most) + 1);
    if (!done) return fail(done.error());
    return page;
  }

 private:
  /// Takes one row more than the page holds, to know whether there is another page.
  class PageFilter {
   public:
    PageFilter(Page& page, std::size_t most) : page_(page), most_(static_cast<std::size_t>(rows_of(most))) {}
    template <typename MakeItem>
    void add(std::int64_t id, MakeItem make_item) {
      if (page_.items.size() == most_) {
        page_.next = last_;
        return;
      }
      page_.items.push_back(make_item());
      last_ = id;
    }
    [[nodiscard]] bool full() const { return page_.next.has_value(); }

   private:
    Page& page_;
    std::size_t most_;
    std::int64_t last_ = 0;
  };

  /// Of its number and text. Nullopt: another version wrote it.
  static std::optional<Incident> incident_of(const Statement& row) {
    auto incident = decode_incident_text(row.text(1));
    if (!incident) return std::nullopt;
    incident->id = row.integer(0);
    return std::move(*incident);
  }

  static nlohmann::json alert_of(const Statement& row) {
    // The time of a delivery is never 0.
    const auto delivered = row.integer(5);
    return {{"id", row.integer(0)},
            {"channel", std::string(row.text(1))},
            {"text", std::string(row.text(2))},
            {"created", to_rfc3339(time_of(row.integer(3)))},
            {"attempts", row.integer(4)},
            {"delivered", delivered == 0 ? nlohmann::json() : nlohmann::json(to_rfc3339(time_of(delivered)))},
            {"gave_up", row.integer(6) != 0},
            {"last_error", std::string(row.text(7))}};
  }

  static nlohmann::json report_of(const Statement& row) {
    auto report = nlohmann::json::parse(row.text(3), nullptr, false);
    if (!report.is_object()) report = nlohmann::json::object();
    report["time"] = to_rfc3339(time_of(row.integer(0)));
    report["received"] = to_rfc3339(time_of(row.integer(1)));
    report["source_address"] = std::string(row.text(2));
    return report;
  }

  Database database_;
  Statements sql_;
  SqliteReliability reliability_;
};

}  // namespace

Result<std::unique_ptr<StoreReader>> open_sqlite_reader(const std::string& file) {
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  if (auto done = database->execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY"); !done) return fail(done.error());
  SqliteReader::Statements statements;
  const auto sample_sql =
      fmt::format("SELECT {} FROM samples WHERE resolution = ?1 AND start = ?2 AND client = (SELECT id FROM names WHERE client_id = ?3)",
                  sample_columns);
  const std::pair<Statement SqliteReader::Statements::*, std::string_view> texts[] = {
      {&SqliteReader::Statements::next_sample, next_sample_sql},
      {&SqliteReader::Statements::sample, sample_sql},
      {&SqliteReader::Statements::history, history_sql},
      {&SqliteReader::Statements::incidents, incidents_sql},
      {&SqliteReader::Statements::client_incidents, client_incidents_sql},
      {&SqliteReader::Statements::open_incidents, open_incidents_sql},
      {&SqliteReader::Statements::incident, incident_sql},
      {&SqliteReader::Statements::comments, comments_sql},
      {&SqliteReader::Statements::kept, kept_sql},
      {&SqliteReader::Statements::report_ids, report_ids_sql},
      {&SqliteReader::Statements::report, report_sql},
      {&SqliteReader::Statements::alerts, alerts_sql},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database->prepare(sql);
    if (!prepared) return fail(prepared.error());
    statements.*statement = std::move(*prepared);
  }
  auto reliability = SqliteReliability::prepare(*database);
  if (!reliability) return fail(reliability.error());
  return std::make_unique<SqliteReader>(std::move(*database), std::move(statements), std::move(*reliability));
}

Result<std::unique_ptr<StoreReader>> open_reader_of_file(const std::string& file) {
  if (const auto readable = open_database_to_read(file, report_schema()); !readable) return fail(readable.error());
  return open_sqlite_reader(file);
}

}  // namespace vpn_sentinel
