#include "hub/store/sqlite_roll_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

WallTime time_of(std::int64_t number) { return WallTime{microseconds{number}}; }

/// What a client without a lease (the Python original's) is given here: it reports every five minutes.
constexpr std::int64_t usual_lease_s = 600;

/// More than a day is no measurement.
constexpr std::int64_t longest_latency_us = 86'400'000'000;
/// An address has at most 45 characters; the Python original may send any text.
constexpr std::size_t longest_exit = 64;

/// Of every report that speaks: time, state, lease, trigger, and what was counted.
constexpr std::string_view spoken_columns =
    "time, state, coalesce(json_extract(json, '$.lease_s'), 0), coalesce(json_extract(json, '$.trigger'), ''), "
    "coalesce(json_extract(json, '$.leak.counting'), 0), coalesce(json_extract(json, '$.leak.since'), ''), "
    "coalesce(json_extract(json, '$.leak.packets'), 0), coalesce(json_extract(json, '$.leak.bytes'), 0)";
constexpr int spoken_width = 8;

Spoken read_spoken(const Statement& row, int first) {
  Spoken spoken;
  spoken.from = time_of(row.integer(first));
  spoken.state = std::min(parse_state(row.text(first + 1)).value_or(State::warning), State::danger);
  const auto named = row.integer(first + 2);
  const auto lease = std::min<std::chrono::seconds>(std::chrono::seconds{named > 0 ? named : usual_lease_s}, Spoken::at_most);
  spoken.until = row.text(first + 3) == "stop" ? spoken.from : spoken.from + lease;
  if (row.integer(first + 4) != 0)
    spoken.counted = Counted{std::string(row.text(first + 5)), row.integer(first + 6), row.integer(first + 7)};
  return spoken;
}

std::string join(const std::vector<std::string>& exits) {
  std::string text;
  for (const auto& exit : exits) text += (text.empty() ? "" : ",") + exit;
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> exits;
  while (!text.empty() && exits.size() < Sample::most_exits) {
    const auto end = std::min(text.find(','), text.size());
    exits.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return exits;
}

constexpr std::string_view this_one = "resolution = ?1 AND start = ?2 AND client = ?3";

}  // namespace

struct SqliteRollUp::Row {
  std::int64_t id = 0;
  std::int64_t client = 0;
  std::string boot_id;
  std::int64_t seq = 0;
  Spoken spoken;
  Sample numbers;
};

Sample read_sample(const Statement& row, int first) {
  Sample sample;
  sample.reports = row.integer(first);
  if (row.integer(first + 1) >= 0) sample.worst = static_cast<State>(std::min<std::int64_t>(row.integer(first + 1), 3));
  for (std::size_t state = 0; state < sample.time.size(); ++state) {
    sample.time.at(state) = microseconds{row.integer(first + 2 + static_cast<int>(state))};
  }
  sample.latencies = row.integer(first + 6);
  sample.latency_sum = row.integer(first + 7);
  sample.latency_min = row.integer(first + 8);
  sample.latency_max = row.integer(first + 9);
  sample.exits = split(row.text(first + 10));
  sample.more_exits = row.integer(first + 11) != 0;
  sample.counted = row.integer(first + 12);
  sample.packets_outside = row.integer(first + 13);
  sample.bytes_outside = row.integer(first + 14);
  return sample;
}

Result<SqliteRollUp> SqliteRollUp::prepare(Database& database) {
  SqliteRollUp roll_up;
  const auto of_boot = [](std::string_view tail) {
    return fmt::format(
        "SELECT reports.seq, {} FROM numbers JOIN reports ON reports.id = numbers.report WHERE numbers.boot = "
        "(SELECT id FROM boots WHERE client = ?1 AND boot_id = ?2) AND numbers.report < ?3 {} LIMIT 1",
        spoken_columns, tail);
  };
  const auto insert = [](std::string_view or_update) {
    return fmt::format(
        "INSERT INTO samples (resolution, start, client, {}) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) ON CONFLICT DO UPDATE SET {}",
        sample_columns, or_update);
  };
  const std::pair<Statement SqliteRollUp::*, std::string> texts[] = {
      {&SqliteRollUp::read_mark_, "SELECT value FROM marks WHERE name = 'rolled_up'"},
      {&SqliteRollUp::write_mark_, "INSERT INTO marks (name, value) VALUES ('rolled_up', ?1) ON CONFLICT DO UPDATE SET value = ?1"},
      {&SqliteRollUp::reports_,
       fmt::format("SELECT id, client, boot_id, seq, {}, "
                   "coalesce(CAST(round(json_extract(json, '$.latency_ms') * 1000) AS INTEGER), -1), "
                   "coalesce(json_extract(json, '$.exit.v4'), json_extract(json, '$.public_ip'), '') "
                   "FROM reports WHERE id > ?1 AND id <= coalesce((SELECT value FROM marks WHERE name = 'numbered'), 0) "
                   "ORDER BY id LIMIT ?2",
                   spoken_columns)},
      {&SqliteRollUp::newest_, of_boot("ORDER BY numbers.seq DESC")},
      {&SqliteRollUp::newest_without_boot_,
       fmt::format("SELECT seq, {} FROM reports WHERE client = ?1 AND boot_id = '' AND boot_id = ?2 AND id < ?3 ORDER BY id DESC LIMIT 1",
                   spoken_columns)},
      {&SqliteRollUp::before_, of_boot("AND numbers.seq < ?4 ORDER BY numbers.seq DESC")},
      {&SqliteRollUp::after_, of_boot("AND numbers.seq > ?4 ORDER BY numbers.seq")},
      {&SqliteRollUp::load_, fmt::format("SELECT {} FROM samples WHERE {}", sample_columns, this_one)},
      {&SqliteRollUp::add_, insert("reports = reports + ?4, worst = max(worst, ?5), secure = secure + ?6, warning = warning + ?7, "
                                   "contained = contained + ?8, danger = danger + ?9, latency_min = CASE WHEN ?10 = 0 THEN latency_min "
                                   "WHEN latencies = 0 THEN ?12 ELSE min(latency_min, ?12) END, latency_max = max(latency_max, ?13), "
                                   "latencies = latencies + ?10, latency_sum = latency_sum + ?11, more_exits = max(more_exits, ?15), "
                                   "counted = counted + ?16 "
                                   "WHERE ?14 = '' OR exits = ?14")},
      {&SqliteRollUp::save_, insert("reports = ?4, worst = ?5, secure = ?6, warning = ?7, contained = ?8, danger = ?9, latencies = ?10, "
                                    "latency_sum = ?11, latency_min = ?12, latency_max = ?13, exits = ?14, more_exits = ?15, "
                                    "counted = ?16, packets_outside = ?17, bytes_outside = ?18")},
      {&SqliteRollUp::remove_, fmt::format("DELETE FROM samples WHERE {}", this_one)},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    roll_up.*statement = std::move(*prepared);
  }
  return roll_up;
}

Result<std::size_t> SqliteRollUp::advance(std::size_t most) {
  std::vector<Row> rows;
  mark_ = 0;
  auto done = read_mark_.query([this](const Statement& row) { mark_ = row.integer(0); });
  if (!done) return fail(done.error());
  done = reports_.query(
      [&rows](const Statement& from) {
        Row row;
        row.id = from.integer(0);
        row.client = from.integer(1);
        row.boot_id = from.text(2);
        row.seq = from.integer(3);
        row.spoken = read_spoken(from, 4);
        constexpr int behind = 4 + spoken_width;
        row.numbers.reports = 1;
        row.numbers.worst = row.spoken.state;
        row.numbers.counted = row.spoken.counted ? 1 : 0;
        if (const auto latency = std::min(from.integer(behind), longest_latency_us); latency >= 0) {
          row.numbers.latencies = 1;
          row.numbers.latency_sum = row.numbers.latency_min = row.numbers.latency_max = latency;
        }
        if (const auto exit = from.text(behind + 1); !exit.empty() && exit.size() <= longest_exit) row.numbers.exits.emplace_back(exit);
        rows.push_back(std::move(row));
      },
      mark_, static_cast<std::int64_t>(most));
  RollUp roll_up;
  for (const auto& row : rows) {
    if (done) done = add(row, roll_up);
  }
  if (!done) return fail(done.error());
  if (rows.empty()) return 0U;
  const auto minutes = roll_up.minutes();
  const auto hours = RollUp::coarser(minutes, Resolution::hour);
  done = save(minutes, Resolution::minute);
  if (done) done = save(hours, Resolution::hour);
  if (done) done = save(RollUp::coarser(hours, Resolution::day), Resolution::day);
  if (done) done = write_mark_.run(rows.back().id);
  if (!done) return fail(done.error());
  mark_ = rows.back().id;
  return rows.size();
}

Result<void> SqliteRollUp::add(const Row& row, RollUp& roll_up) {
  roll_up.add(row.client, row.spoken.from, row.numbers);
  const auto before = newest_before(row);
  if (!before) return fail(before.error());
  if (*before && !row.boot_id.empty() && row.seq < (*before)->seq) return add_late(row, row.spoken, roll_up);
  const auto spoken_before = *before ? std::optional((*before)->spoken) : std::nullopt;
  roll_up.speak(row.client, row.spoken, spoken_before, std::nullopt);
  if (!row.boot_id.empty()) roll_up.leave(row.client, row.spoken, spoken_before, std::nullopt);
  newest_of_[row.client] = Newest{row.boot_id, row.seq, row.spoken};
  return {};
}

Result<void> SqliteRollUp::add_late(const Row& row, const Spoken& spoken, RollUp& roll_up) {
  std::optional<Spoken> before;
  std::optional<Spoken> after;
  auto done = before_.query([&before](const Statement& from) { before = read_spoken(from, 1); }, row.client, row.boot_id, row.id, row.seq);
  if (done) {
    done = after_.query([&after](const Statement& from) { after = read_spoken(from, 1); }, row.client, row.boot_id, row.id, row.seq);
  }
  if (!done) return done;
  roll_up.speak(row.client, spoken, before, after ? std::optional(after->from) : std::nullopt);
  roll_up.leave(row.client, spoken, before, after);
  return {};
}

Result<std::optional<SqliteRollUp::Newest>> SqliteRollUp::newest_before(const Row& row) {
  const auto known = newest_of_.find(row.client);
  if (known != newest_of_.end() && known->second.boot_id == row.boot_id) return known->second;
  std::optional<Newest> newest;
  auto& statement = row.boot_id.empty() ? newest_without_boot_ : newest_;
  auto done = statement.query(
      [&](const Statement& from) {
        newest = Newest{row.boot_id, from.integer(0), read_spoken(from, 1)};
      },
      row.client, row.boot_id, row.id);
  if (!done) return fail(done.error());
  return newest;
}

/// What nearly always is enough, in one statement: numbers that are added, and the exits are those that are known.
Result<bool> SqliteRollUp::add_simply(const Place& place, const Sample& added) {
  if (std::any_of(added.time.begin(), added.time.end(), [](auto time) { return time < microseconds{0}; })) return false;
  if (added.packets_outside != 0 || added.bytes_outside != 0) return false;  // they stop at the largest number
  const auto rows = write(add_, place, added);
  if (!rows) return fail(rows.error());
  return *rows > 0;
}

Result<std::int64_t> SqliteRollUp::write(Statement& statement, const Place& place, const Sample& sample) {
  return statement.run_counted(place.resolution, place.start, place.client, sample.reports,
                               sample.worst ? static_cast<std::int64_t>(*sample.worst) : std::int64_t{-1}, sample.time[0].count(),
                               sample.time[1].count(), sample.time[2].count(), sample.time[3].count(), sample.latencies, sample.latency_sum,
                               sample.latency_min, sample.latency_max, join(sample.exits), std::int64_t{sample.more_exits ? 1 : 0},
                               sample.counted, sample.packets_outside, sample.bytes_outside);
}

Result<void> SqliteRollUp::merge_into(const Place& place, const Sample& added) {
  Sample sample;
  auto done = load_.query([&sample](const Statement& row) { sample = read_sample(row, 0); }, place.resolution, place.start, place.client);
  if (!done) return done;
  merge(sample, added);
  if (is_nothing(sample)) return remove_.run(place.resolution, place.start, place.client);
  const auto written = write(save_, place, sample);
  if (!written) return fail(written.error());
  return {};
}

Result<void> SqliteRollUp::save(const RollUp::Samples& samples, Resolution resolution) {
  for (const auto& [key, added] : samples) {
    const Place place{static_cast<std::int64_t>(resolution), key.first, key.second};
    const auto simply = add_simply(place, added);
    if (!simply) return fail(simply.error());
    if (*simply) continue;
    if (auto done = merge_into(place, added); !done) return done;
  }
  return {};
}

}  // namespace vpn_sentinel
