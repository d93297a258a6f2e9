#include "hub/store/history_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "hub/store/migrations.hpp"
#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

std::string json_text(std::string_view text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }
std::string time_text(const Statement& row, int column) { return json_text(to_rfc3339(time_of(row.integer(column)))); }

/// Spreadsheets run a formula that begins so, and names come from the network.
bool begins_formula(std::string_view text) {
  constexpr std::array<std::string_view, 8> signs{"=", "+", "-", "@", "＝", "＋", "－", "＠"};
  return std::ranges::any_of(signs, [&](std::string_view sign) { return text.starts_with(sign); });
}

/// Nothing of it is a formula, at the beginning or behind any separator that a spreadsheet may split at.
std::string harmless(std::string_view text) {
  constexpr std::string_view separators = ";,\t\r\n";
  std::string harmless = text.starts_with('\t') || text.starts_with('\r') ? "'" : "";
  bool begins = true;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (begins && begins_formula(text)) harmless += '\'';
    const bool is_blank = text[0] == ' ' || text[0] == '"';
    begins = separators.find(text[0]) != std::string_view::npos || (begins && is_blank);
    harmless += text[0];
  }
  return harmless;
}

/// RFC 4180.
std::string cell(std::string_view text) {
  auto cell = harmless(text);
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  for (std::size_t at = cell.find('"'); at != std::string::npos; at = cell.find('"', at + 2)) cell.insert(at, 1, '"');
  return '"' + cell + '"';
}

/// From and until, one after the other, µs.
using Stretches = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// One of them has a moment from `start` on and before `end`.
bool touches(const Stretches& stretches, std::int64_t start, std::int64_t end) {
  const auto first = std::ranges::lower_bound(stretches, start, {}, &Stretches::value_type::second);
  return first != stretches.end() && first->first < end;
}

class Export {
 public:
  Export(Database& database, const ExportWish& wish, const TakeLine& take) : database_(database), wish_(wish), take_(take) {}

  Result<std::uint64_t> run() {
    if (auto found = find_client(); !found) return fail(found.error());
    auto done = wish_.format == ExportWish::Format::csv ? csv() : everything();
    if (!done) return fail(done.error());
    return lines_;
  }

 private:
  /// ?1: number of the client, 0: all. ?2, ?3: the range.
  template <typename MakeLine>
  Result<void> each(std::string_view sql, MakeLine make_line) {
    auto statement = database_.prepare(sql);
    if (!statement) return fail(statement.error());
    Result<void> taken;
    auto done = statement->query(
        [&](const Statement& row) {
          if (!taken) return;
          const std::string line = make_line(row);
          if (line.empty()) return;
          ++lines_;
          taken = take_(line);
          if (!taken) sqlite3_interrupt(database_.handle());
        },
        client_, number_of(wish_.range.from), number_of(wish_.range.to));
    return taken ? done : taken;
  }

  Result<void> find_client() {
    if (wish_.client.empty()) return {};
    auto find = database_.prepare("SELECT id FROM names WHERE client_id = ?1");
    if (!find) return fail(find.error());
    auto done = find->query([this](const Statement& row) { client_ = row.integer(0); }, wish_.client);
    if (done && client_ == 0) return fail(Error::Kind::not_found, fmt::format("no client '{}' is known", wish_.client));
    return done;
  }

  Result<void> everything() {
    const json head{{"vpn_sentinel_export", export_version}, {"made", to_rfc3339(wall_now())}};
    ++lines_;
    auto done = take_(head.dump());
    if (done)
      done = each("SELECT json FROM clients WHERE (?1 = 0 OR client = ?1) AND ?2 < ?3 ORDER BY client",
                  [](const Statement& row) { return fmt::format(R"({{"type":"client","client":{}}})", row.text(0)); });
    if (done) done = reports();
    if (done) done = changes_and_incidents();
    if (done) done = samples();
    if (done)
      done = each("SELECT start, until FROM presence WHERE ?1 = ?1 AND until > ?2 AND start < ?3 ORDER BY start", [](const Statement& row) {
        return fmt::format(R"({{"type":"presence","start":{},"until":{}}})", time_text(row, 0), time_text(row, 1));
      });
    return done;
  }

  Result<void> reports() {
    return each(
        "SELECT client_id, boot_id, seq, time, received, source, json FROM reports JOIN names ON names.id = client "
        "WHERE (?1 = 0 OR client = ?1) AND time >= ?2 AND time < ?3 ORDER BY reports.id",
        [](const Statement& row) {
          return fmt::format(R"({{"type":"report","client_id":{},"boot_id":{},"seq":{},"time":{},"received":{},"source":{},"report":{}}})",
                             json_text(row.text(0)), json_text(row.text(1)), row.integer(2), time_text(row, 3), time_text(row, 4),
                             json_text(row.text(5)), row.text(6));
        });
  }

  Result<void> changes_and_incidents() {
    auto done = each(
        "SELECT client_id, at, noticed, kind, json FROM changes JOIN names ON names.id = client "
        "WHERE (?1 = 0 OR client = ?1) AND at >= ?2 AND at < ?3 ORDER BY changes.id",
        [](const Statement& row) {
          return fmt::format(R"({{"type":"change","client_id":{},"at":{},"noticed":{},"kind":{},"change":{}}})", json_text(row.text(0)),
                             time_text(row, 1), time_text(row, 2), json_text(row.text(3)), row.text(4));
        });
    if (done) {
      done = each(
          "SELECT client_id, start, json FROM incidents JOIN names ON names.id = client "
          "WHERE (?1 = 0 OR client = ?1) AND until > ?2 AND start < ?3 ORDER BY incidents.id",
          [](const Statement& row) {
            return fmt::format(R"({{"type":"incident","client_id":{},"incident":{}}})", json_text(row.text(0)), row.text(2));
          });
    }
    return done;
  }

  /// By client: when the kept reports speak for it. Who imports them makes the roll-ups of these times from them. What is told without a
  /// gap of a minute is one stretch, so that there are few.
  Result<std::map<std::int64_t, Stretches>> told_by_reports() {
    auto reports = database_.prepare(
        "SELECT client, time, CASE WHEN json_extract(json, '$.trigger') = 'stop' THEN -1 ELSE coalesce(json_extract(json, '$.lease_s'), 0) "
        "END FROM reports "
        "WHERE ?1 = 0 OR client = ?1 ORDER BY client, time");
    if (!reports) return fail(reports.error());
    std::map<std::int64_t, Stretches> told;
    auto done = reports->query(
        [&told](const Statement& row) {
          const auto from = row.integer(1);
          const auto until = from + lease_of(row).count();
          auto& stretches = told[row.integer(0)];
          const bool goes_on = !stretches.empty() && from <= stretches.back().second + length_of(Resolution::minute).count();
          if (goes_on) {
            stretches.back().second = std::max(stretches.back().second, until);
          } else {
            stretches.emplace_back(from, until);
          }
        },
        client_);
    if (!done) return fail(done.error());
    return told;
  }

  /// Of the third column; negative: it was the last word.
  static std::chrono::microseconds lease_of(const Statement& row) {
    const auto named = row.integer(2);
    if (named < 0) return {};
    return std::min<std::chrono::seconds>(named > 0 ? std::chrono::seconds{named} : Spoken::usual_lease, Spoken::at_most);
  }

  Result<void> samples() {
    const auto told = told_by_reports();
    if (!told) return fail(told.error());
    const auto sql = fmt::format(
        "SELECT client_id, client, resolution, start, {} FROM samples JOIN names ON names.id = client "
        "WHERE (?1 = 0 OR client = ?1) AND start >= ?2 AND start < ?3 ORDER BY resolution DESC, start, client",
        sample_columns);
    return each(sql, [&told](const Statement& row) -> std::string {
      const auto resolution = static_cast<Resolution>(std::clamp<std::int64_t>(row.integer(2), 0, 2));
      const auto known = told->find(row.integer(1));
      if (known != told->end() && touches(known->second, row.integer(3), row.integer(3) + length_of(resolution).count())) return {};
      std::string values;
      for (int column = 4; column < 4 + sample_width; ++column) {
        const bool is_text = column == 4 + exits_column;
        values += (values.empty() ? "" : ",") + (is_text ? json_text(row.text(column)) : fmt::format("{}", row.integer(column)));
      }
      return fmt::format(R"({{"type":"sample","client_id":{},"resolution":{},"start":{},"values":[{}]}})", json_text(row.text(0)),
                         row.integer(2), time_text(row, 3), values);
    });
  }

  Result<void> csv() {
    ++lines_;
    if (auto done = take_("time,received,client_id,boot_id,seq,state,path,source,public_ip,country,latency_ms,findings"); !done)
      return done;
    return each(
        "SELECT time, received, client_id, boot_id, reports.seq, reports.state, path, source, "
        "coalesce(json_extract(json, '$.public_ip'), ''), coalesce(json_extract(json, '$.exit.country'), json_extract(json, "
        "'$.location.country'), ''), coalesce(json_extract(json, '$.latency_ms'), ''), "
        "coalesce((SELECT group_concat(json_extract(value, '$.code'), ' ') FROM json_each(reports.json, '$.findings')), '') "
        "FROM reports JOIN names ON names.id = client WHERE (?1 = 0 OR client = ?1) AND time >= ?2 AND time < ?3 ORDER BY reports.id",
        [](const Statement& row) {
          auto line = to_rfc3339(time_of(row.integer(0))) + "," + to_rfc3339(time_of(row.integer(1)));
          for (int column = 2; column < 12; ++column)
            line += "," + (column == 4 ? fmt::format("{}", row.integer(column)) : cell(row.text(column)));
          return line;
        });
  }

  Database& database_;
  const ExportWish& wish_;
  const TakeLine& take_;
  std::int64_t client_ = 0;
  std::uint64_t lines_ = 0;
};

}  // namespace

Result<std::uint64_t> export_history(const std::string& file, const ExportWish& wish, const TakeLine& take) {
  auto database = open_database_to_read(file, report_schema());
  if (!database) return fail(database.error());
  // One moment for all tables.
  if (auto done = database->execute("BEGIN; SELECT count(*) FROM sqlite_schema"); !done) return fail(done.error());
  return Export(*database, wish, take).run();
}

}  // namespace vpn_sentinel
