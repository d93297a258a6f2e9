#include "hub/store/sqlite_roll_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// More than a day is no measurement.
constexpr std::int64_t longest_latency_us = 86'400'000'000;
/// The largest number that a report can tell.
constexpr double longest_age_s = std::numeric_limits<std::uint32_t>::max();
/// An address has at most 45 characters; the Python original may send any text.
constexpr std::size_t longest_exit = 64;

/// Of every report that speaks: time, state, lease, trigger, what was counted, its number, and what the tunnel carried.
constexpr std::string_view spoken_columns =
    "time, state, coalesce(json_extract(json, '$.lease_s'), 0), coalesce(json_extract(json, '$.trigger'), ''), "
    "coalesce(json_extract(json, '$.leak.counting'), 0), coalesce(json_extract(json, '$.leak.since'), ''), "
    "coalesce(json_extract(json, '$.leak.packets'), 0), coalesce(json_extract(json, '$.leak.bytes'), 0), reports.seq, "
    "coalesce(json_extract(json, '$.tunnel.name'), ''), coalesce(json_extract(json, '$.tunnel.since'), ''), "
    "coalesce(json_extract(json, '$.tunnel.rx_bytes'), -1), coalesce(json_extract(json, '$.tunnel.tx_bytes'), -1)";
constexpr int spoken_width = 13;

std::chrono::seconds lease_of(std::int64_t named) {
  return std::min<std::chrono::seconds>(named > 0 ? std::chrono::seconds{named} : Spoken::usual_lease, Spoken::at_most);
}

Spoken read_spoken(const Statement& row, int first) {
  Spoken spoken;
  spoken.from = time_of(row.integer(first));
  spoken.state = std::min(parse_state(row.text(first + 1)).value_or(State::warning), State::danger);
  spoken.until = row.text(first + 3) == "stop" ? spoken.from : spoken.from + lease_of(row.integer(first + 2));
  spoken.seq = row.integer(first + 8);
  if (row.integer(first + 4) != 0)
    spoken.counted = Counted{parse_rfc3339(row.text(first + 5)).value_or(WallTime{}), row.integer(first + 6), row.integer(first + 7)};
  const auto rx_bytes = row.integer(first + 11);
  const auto tx_bytes = row.integer(first + 12);
  if (rx_bytes >= 0 && tx_bytes >= 0) {
    const auto since = parse_rfc3339(row.text(first + 10)).value_or(WallTime{});
    spoken.carried = Carried{std::string(row.text(first + 9)), since, rx_bytes, tx_bytes};
  }
  return spoken;
}

std::int64_t bounded(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, std::numeric_limits<std::int64_t>::max()));
}

/// As read_spoken() would find it in the row.
Spoken spoken_of(const Admitted& admitted) {
  const auto& report = admitted.report;
  Spoken spoken;
  spoken.from = report.timestamp.value_or(admitted.received);
  spoken.state = std::min(believed_state(report), State::danger);
  spoken.seq = bounded(report.seq);
  spoken.until = spoken.from + lease_of(report.lease_s.value_or(0));
  if (report.trigger == "stop") spoken.until = spoken.from;
  if (report.leak && report.leak->counting) {
    spoken.counted = Counted{report.leak->since.value_or(WallTime{}), bounded(report.leak->packets), bounded(report.leak->bytes)};
  }
  if (const auto& tunnel = report.tunnel; tunnel && tunnel->rx_bytes && tunnel->tx_bytes) {
    spoken.carried = Carried{tunnel->name, tunnel->since.value_or(WallTime{}), bounded(*tunnel->rx_bytes), bounded(*tunnel->tx_bytes)};
  }
  return spoken;
}

Measured measured_of(const Spoken& spoken, std::optional<double> latency_ms, std::optional<double> handshake_age_s, std::string_view exit) {
  Measured measured{spoken.state};
  if (latency_ms && *latency_ms >= 0) {
    measured.latency_us = static_cast<std::int64_t>(std::round(std::min(*latency_ms * 1000, static_cast<double>(longest_latency_us))));
  }
  if (handshake_age_s && *handshake_age_s >= 0)
    measured.handshake_age_s = static_cast<std::int64_t>(std::min(*handshake_age_s, longest_age_s));
  if (exit.size() <= longest_exit) measured.exit = exit;
  return measured;
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
  const std::string& boot_id;
  std::int64_t seq = 0;
  Spoken spoken;
  Measured measured;
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
  sample.handshakes = row.integer(first + 15);
  sample.handshake_sum = row.integer(first + 16);
  sample.handshake_max = row.integer(first + 17);
  sample.traffic_time = microseconds{row.integer(first + 18)};
  sample.rx_bytes = row.integer(first + 19);
  sample.tx_bytes = row.integer(first + 20);
  return sample;
}

Result<SqliteRollUp> SqliteRollUp::prepare(Database& database) {
  SqliteRollUp roll_up;
  const auto insert = [](std::string_view or_update) {
    return fmt::format(
        "INSERT INTO samples (resolution, start, client, {}) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24) ON "
        "CONFLICT DO UPDATE SET {}",
        sample_columns, or_update);
  };
  const std::pair<Statement SqliteRollUp::*, std::string> texts[] = {
      {&SqliteRollUp::read_mark_, "SELECT coalesce((SELECT value FROM marks WHERE name = ?1), 0)"},
      {&SqliteRollUp::write_mark_, "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2"},
      {&SqliteRollUp::reports_,
       fmt::format(
           "SELECT id, client, boot_id, seq, {}, json_extract(json, '$.latency_ms'), json_extract(json, '$.tunnel.handshake_age_s'), "
           "coalesce(json_extract(json, '$.exit.v4'), json_extract(json, '$.public_ip'), '') "
           "FROM reports WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
           spoken_columns)},
      {&SqliteRollUp::spoken_at_, fmt::format("SELECT {} FROM reports WHERE id = ?1", spoken_columns)},
      {&SqliteRollUp::newest_without_boot_,
       fmt::format("SELECT seq, {} FROM reports WHERE client = ?1 AND boot_id = '' AND id < ?2 ORDER BY id DESC LIMIT 1", spoken_columns)},
      {&SqliteRollUp::load_, fmt::format("SELECT {} FROM samples WHERE {}", sample_columns, this_one)},
      {&SqliteRollUp::add_,
       insert(fmt::format("reports = reports + ?4, worst = max(worst, ?5), secure = secure + ?6, warning = warning + ?7, "
                          "contained = contained + ?8, danger = danger + ?9, latency_min = CASE WHEN ?10 = 0 THEN latency_min "
                          "WHEN latencies = 0 THEN ?12 ELSE min(latency_min, ?12) END, latency_max = max(latency_max, ?13), "
                          "latencies = latencies + ?10, latency_sum = latency_sum + ?11, more_exits = max(more_exits, ?15), "
                          "counted = counted + ?16, handshakes = handshakes + ?19, handshake_sum = handshake_sum + ?20, "
                          "handshake_max = max(handshake_max, ?21), traffic_time = traffic_time + ?22, "
                          "rx_bytes = min(rx_bytes + ?23, {0}), tx_bytes = min(tx_bytes + ?24, {0}) "
                          "WHERE ?14 = '' OR exits = ?14",
                          Sample::most_bytes))},
      {&SqliteRollUp::save_,
       insert("reports = ?4, worst = ?5, secure = ?6, warning = ?7, contained = ?8, danger = ?9, latencies = ?10, "
              "latency_sum = ?11, latency_min = ?12, latency_max = ?13, exits = ?14, more_exits = ?15, "
              "counted = ?16, packets_outside = ?17, bytes_outside = ?18, handshakes = ?19, handshake_sum = ?20, handshake_max = ?21, "
              "traffic_time = ?22, rx_bytes = ?23, tx_bytes = ?24")},
      {&SqliteRollUp::remove_, fmt::format("DELETE FROM samples WHERE {}", this_one)},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    roll_up.*statement = std::move(*prepared);
  }
  return roll_up;
}

void SqliteRollUp::forget() {
  loaded_ = caught_up_ = false;
  newest_of_.clear();
  minutes_of_.clear();
  writing_.clear();
  minutes_ = written_ = 0;
}

Result<void> SqliteRollUp::load_marks() {
  if (loaded_) return {};
  const auto read = [this](std::string_view name, std::int64_t& value) {
    return read_mark_.query([&value](const Statement& row) { value = row.integer(0); }, name);
  };
  auto done = read(done_name, mark_);
  if (done) done = read(until_name, writing_until_);
  if (done) done = read(client_name, written_client_);
  if (!done) return done;
  through_ = mark_;
  if (writing_until_ <= mark_) writing_until_ = written_client_ = 0;
  loaded_ = true;
  return {};
}

Result<SqliteRollUp::Progress> SqliteRollUp::advance(std::size_t most, Pace pace, ReportNumbers& numbers) {
  Progress progress;
  if (auto done = load_marks(); !done) return fail(done.error());
  if (!is_writing() && !caught_up_) {
    const auto read = read_on(most, numbers);
    if (!read) return fail(read.error());
    progress.work += *read;
  }
  // What was cut off by a crash is written as far as it went then, and no further: some of it is written already.
  const bool ready = pace == Pace::at_once || caught_up_ || minutes_ >= most_minutes;
  const bool begins = writing_until_ != 0 ? through_ == writing_until_ : ready;
  const bool begun = !is_writing() && begins && (writing_until_ != 0 || !minutes_of_.empty());
  if (begun) begin_writing();
  if (begun || is_writing()) {
    const auto written = write_on(most);
    if (!written) return fail(written.error());
    progress.work += *written;
  }
  progress.more = is_writing() || !caught_up_;
  return progress;
}

Result<std::size_t> SqliteRollUp::read_on(std::size_t most, ReportNumbers& numbers) {
  std::size_t rows = 0;
  Result<void> added;
  const auto until = writing_until_ != 0 ? writing_until_ : std::numeric_limits<std::int64_t>::max();
  auto done = reports_.query(
      [&](const Statement& from) {
        ++rows;
        if (!added) return;
        const std::string boot_id(from.text(2));
        constexpr int behind = 4 + spoken_width;
        const auto spoken = read_spoken(from, 4);
        const auto measured = measured_of(spoken, from.optional_number(behind), from.optional_number(behind + 1), from.text(behind + 2));
        added = add({from.integer(0), from.integer(1), boot_id, from.integer(3), spoken, measured}, numbers);
      },
      through_, until, static_cast<std::int64_t>(most));
  if (done) done = added;
  if (!done) return fail(done.error());
  if (rows == most) return rows;
  if (writing_until_ != 0) {
    through_ = writing_until_;
  } else {
    caught_up_ = true;
  }
  return rows;
}

Result<void> SqliteRollUp::added(std::int64_t id, std::int64_t client, const Admitted& admitted, ReportNumbers& numbers) {
  if (!caught_up_) return {};
  if (minutes_ >= most_minutes) {
    caught_up_ = false;
    return {};
  }
  const auto& report = admitted.report;
  const auto spoken = spoken_of(admitted);
  const auto& exit = report.exit && report.exit->v4 ? report.exit->v4 : report.public_ip;
  const auto age = report.tunnel ? report.tunnel->handshake_age_s : std::nullopt;
  const auto measured = measured_of(spoken, report.latency_ms, age, exit ? std::string_view(*exit) : std::string_view());
  return add({id, client, report.boot_id, static_cast<std::int64_t>(report.seq), spoken, measured}, numbers);
}

Result<void> SqliteRollUp::add(const Row& row, ReportNumbers& numbers) {
  auto& minutes = minutes_of_[row.client];
  const auto size = minutes.size();
  minutes.add(row.spoken.from, row.measured);
  const auto newest = newest_before(row, numbers);
  if (!newest) return fail(newest.error());
  Newest* const before = *newest;
  if (before != nullptr && !row.boot_id.empty() && row.seq < before->seq) {
    if (auto done = add_late(row, minutes, numbers); !done) return done;
  } else {
    const auto* const spoken_before = before != nullptr ? &before->spoken : nullptr;
    minutes.speak(row.spoken, spoken_before, std::nullopt);
    if (!row.boot_id.empty()) minutes.leave(row.spoken, spoken_before, nullptr);
    auto& place = before != nullptr ? *before : newest_of_[row.client];
    if (place.boot_id != row.boot_id) place.boot_id = row.boot_id;
    place.seq = row.seq;
    place.spoken = row.spoken;
  }
  minutes_ += minutes.size() - size;
  through_ = row.id;
  return {};
}

Result<void> SqliteRollUp::add_late(const Row& row, ClientMinutes& minutes, ReportNumbers& numbers) {
  const auto places = numbers.around(row.client, row.boot_id, row.seq, row.id);
  if (!places) return fail(places.error());
  const auto before = spoken_at(places->before);
  if (!before) return fail(before.error());
  const auto after = spoken_at(places->after);
  if (!after) return fail(after.error());
  const auto pointer = [](const std::optional<Spoken>& spoken) { return spoken ? &*spoken : nullptr; };
  minutes.speak(row.spoken, pointer(*before), *after ? std::optional((*after)->from) : std::nullopt);
  minutes.leave(row.spoken, pointer(*before), pointer(*after));
  return {};
}

Result<std::optional<Spoken>> SqliteRollUp::spoken_at(const std::optional<ReportNumbers::Place>& place) {
  std::optional<Spoken> spoken;
  if (!place) return spoken;
  auto done = spoken_at_.query([&spoken](const Statement& row) { spoken = read_spoken(row, 0); }, place->report);
  if (!done) return fail(done.error());
  return spoken;
}

/// Null: there is none. Else what newest_of_ has of the client now.
Result<SqliteRollUp::Newest*> SqliteRollUp::newest_before(const Row& row, ReportNumbers& numbers) {
  const auto known = newest_of_.find(row.client);
  if (known != newest_of_.end() && known->second.boot_id == row.boot_id) return &known->second;
  std::optional<Newest> newest;
  Result<void> done;
  if (row.boot_id.empty()) {
    done = newest_without_boot_.query(
        [&](const Statement& from) {
          newest = Newest{{}, from.integer(0), read_spoken(from, 1)};
        },
        row.client, row.id);
  } else {
    const auto places = numbers.around(row.client, row.boot_id, std::numeric_limits<std::int64_t>::max(), row.id);
    if (!places) return fail(places.error());
    auto spoken = spoken_at(places->before);
    if (!spoken) return fail(spoken.error());
    if (*spoken) newest = Newest{row.boot_id, places->before->seq, **spoken};
  }
  if (!done) return fail(done.error());
  if (!newest) return nullptr;
  return &(newest_of_[row.client] = std::move(*newest));
}

}  // namespace vpn_sentinel
