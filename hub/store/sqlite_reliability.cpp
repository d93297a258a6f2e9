#include "hub/store/sqlite_reliability.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite_presence.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

constexpr std::int64_t still_open = std::numeric_limits<std::int64_t>::max();

Resolution finer(Resolution resolution) { return resolution == Resolution::day ? Resolution::hour : Resolution::minute; }

bool lies_in(const Stretch& stretch, const Stretch& within) { return stretch.from >= within.from && stretch.to <= within.to; }

}  // namespace

Result<SqliteReliability> SqliteReliability::prepare(Database& database) {
  SqliteReliability reliability;
  // Late reports tell of the past of who is offline: they are in the samples, and end no silence.
  const std::pair<Statement SqliteReliability::*, std::string_view> texts[] = {
      {&SqliteReliability::known_,
       "SELECT names.client_id FROM clients JOIN names ON names.id = clients.client ORDER BY names.client_id LIKE 'group:%', "
       "names.client_id"},
      {&SqliteReliability::name_, "SELECT id FROM names WHERE client_id = ?1"},
      {&SqliteReliability::marks_,
       "SELECT at, json_extract(json, '$.to') FROM changes WHERE client = ?1 AND at < ?2 AND kind <> 'address_changed' "
       "AND json_extract(json, '$.past') IS NULL ORDER BY id"},
      {&SqliteReliability::first_day_, "SELECT min(start) FROM samples INDEXED BY days_of_client WHERE client = ?1 AND resolution = 2"},
      {&SqliteReliability::first_change_, "SELECT at FROM changes WHERE client = ?1 ORDER BY id LIMIT 1"},
      {&SqliteReliability::incidents_,
       "SELECT id, start, until, json_extract(json, '$.worst') FROM incidents WHERE client = ?1 AND until > ?2 AND start < ?3 ORDER BY id"},
      {&SqliteReliability::sample_,
       "SELECT secure, warning, contained, danger FROM samples WHERE resolution = ?1 AND start = ?2 AND client = ?3"},
      {&SqliteReliability::presence_, presence_sql},
      {&SqliteReliability::latency_, "SELECT latencies, latency_sum FROM samples WHERE resolution = 1 AND start = ?1 AND client = ?2"},
      {&SqliteReliability::events_,
       "SELECT at, kind FROM changes WHERE client = ?1 AND at >= ?2 AND at <= ?3 AND kind <> 'connected' ORDER BY at"},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    reliability.*statement = std::move(*prepared);
  }
  return reliability;
}

Result<std::vector<SubjectReliability>> SqliteReliability::answer(const ReliabilityQuery& query, const TimeLimit& limit) {
  const auto present = read_presence(presence_);
  if (!present) return fail(present.error());
  std::vector<SubjectReliability> subjects;
  auto client_ids = query.client_ids.empty() ? known_ids() : Result<std::vector<std::string>>(query.client_ids);
  if (!client_ids) return fail(client_ids.error());
  for (const auto& client_id : *client_ids) {
    auto subject = judge(client_id, query, *present, limit);
    if (!subject) return fail(subject.error());
    subjects.push_back(std::move(*subject));
  }
  return subjects;
}

Result<std::vector<std::string>> SqliteReliability::known_ids() {
  std::vector<std::string> ids;
  auto done = known_.query([&ids](const Statement& row) { ids.emplace_back(row.text(0)); });
  if (!done) return fail(done.error());
  return ids;
}

Result<SubjectReliability> SqliteReliability::judge(const std::string& client_id, const ReliabilityQuery& query,
                                                    const std::vector<Stretch>& present, const TimeLimit& limit) {
  SubjectReliability answer{client_id, {}, {}, {}};
  if (query.periods.empty()) return answer;
  answer.total.period = {query.periods.front().from, query.periods.back().to};
  read_.clear();
  auto subject = read_subject(client_id, answer.total.period, present);
  if (!subject) return fail(subject.error());
  for (const auto& period : query.periods) {
    if (limit.over()) return fail(TimeLimit::exceeded());
    auto known = subject->known;
    const Stretch heard{std::max(period.from, subject->first_heard.value_or(period.to)), period.to};
    if (auto done = subject->is_group ? Result<void>() : collect(subject->number, Resolution::day, heard, known); !done) {
      return fail(done.error());
    }
    const auto parted = part(period, known, subject->silent, subject->first_heard);
    answer.periods.push_back({period, parted.parts, number_incidents(subject->incidents, period), parted.approximate});
    add(answer.total.parts, parted.parts);
    answer.total.approximate = answer.total.approximate || parted.approximate;
  }
  answer.total.incidents = number_incidents(subject->incidents, answer.total.period);
  if (!query.hints_at) return answer;
  auto facts = hint_facts(subject->number, *query.hints_at);
  if (!facts) return fail(facts.error());
  answer.facts = std::move(*facts);
  return answer;
}

Result<SqliteReliability::Subject> SqliteReliability::read_subject(const std::string& client_id, const Stretch& whole,
                                                                   const std::vector<Stretch>& present) {
  Subject subject;
  subject.is_group = client_id.starts_with("group:");
  auto done = name_.query([&subject](const Statement& row) { subject.number = row.integer(0); }, client_id);
  if (!done) return fail(done.error());
  if (subject.number == 0) return subject;
  const auto first = first_heard(subject.number);
  if (!first) return fail(first.error());
  subject.first_heard = *first;
  std::vector<StateMark> marks;
  done = marks_.query(
      [&marks](const Statement& row) {
        // What cannot be read was written by another version: it is not known what it was.
        if (const auto state = parse_state(row.text(1))) marks.push_back({time_of(row.integer(0)), *state});
      },
      subject.number, number_of(whole.to));
  if (!done) return fail(done.error());
  const auto states = timeline(marks, whole.to);
  subject.silent = silences(states, present);
  if (subject.is_group) subject.known = known_of_marks(states, present);
  auto spans = incidents(subject.number, whole);
  if (!spans) return fail(spans.error());
  subject.incidents = std::move(*spans);
  return subject;
}

Result<HintFacts> SqliteReliability::hint_facts(std::int64_t client, WallTime now) {
  HintFacts facts;
  const auto from = now - hint_past;
  auto done = events_.query(
      [&facts](const Statement& row) {
        auto& times = row.text(1) == "address_changed" ? facts.exit_changes : facts.state_changes;
        times.push_back(time_of(row.integer(0)));
      },
      client, number_of(from), number_of(now));
  const auto hour = length_of(Resolution::hour);
  // The hour under way is not over.
  for (auto start = start_of(from, Resolution::hour); done && start + hour <= now; start += hour) {
    done = latency_.query(
        [&](const Statement& row) {
          if (row.integer(0) <= 0) return;
          facts.latencies.push_back({start, static_cast<double>(row.integer(1)) / static_cast<double>(row.integer(0)) / 1e3});
        },
        number_of(start), client);
  }
  if (!done) return fail(done.error());
  return facts;
}

Result<std::optional<WallTime>> SqliteReliability::first_heard(std::int64_t client) {
  std::optional<WallTime> first_day;
  std::optional<WallTime> first_change;
  auto done = first_day_.query(
      [&first_day](const Statement& row) {
        if (row.optional_number(0)) first_day = time_of(row.integer(0));
      },
      client);
  if (done) done = first_change_.query([&first_change](const Statement& row) { first_change = time_of(row.integer(0)); }, client);
  if (!done) return fail(done.error());
  if (!first_day || !first_change) return first_day ? first_day : first_change;
  // The oldest change is the first report, unless it was removed with age.
  return std::clamp(*first_change, *first_day, *first_day + length_of(Resolution::day));
}

Result<std::vector<IncidentSpan>> SqliteReliability::incidents(std::int64_t client, const Stretch& whole) {
  std::vector<IncidentSpan> spans;
  auto done = incidents_.query(
      [&spans](const Statement& row) {
        IncidentSpan span{row.integer(0), time_of(row.integer(1)), {}, parse_state(row.text(3)).value_or(State::offline)};
        if (row.integer(2) != still_open) span.end = time_of(row.integer(2));
        spans.push_back(span);
      },
      client, number_of(whole.from), number_of(whole.to));
  if (!done) return fail(done.error());
  return spans;
}

Result<SqliteReliability::Judged> SqliteReliability::read(Resolution resolution, WallTime start, std::int64_t client) {
  const std::pair key(resolution, start);
  if (const auto known = read_.find(key); known != read_.end()) return known->second;
  Judged judged;
  auto done = sample_.query(
      [&judged](const Statement& row) {
        judged.found = true;
        for (std::size_t state = 0; state < judged.time.size(); ++state) {
          judged.time.at(state) = microseconds{row.integer(static_cast<int>(state))};
        }
      },
      static_cast<std::int64_t>(resolution), number_of(start), client);
  if (!done) return fail(done.error());
  read_.emplace(key, judged);
  return judged;
}

Result<void> SqliteReliability::collect(std::int64_t client, Resolution resolution, const Stretch& within, std::vector<KnownTime>& known) {
  const auto length = length_of(resolution);
  for (auto start = start_of(within.from, resolution); start < within.to; start += length) {
    const auto judged = read(resolution, start, client);
    if (!judged) return fail(judged.error());
    if (!judged->found) continue;
    const Stretch stretch{start, start + length};
    if (!lies_in(stretch, within) && resolution != Resolution::minute) {
      const auto collected = collect_finer(client, resolution, stretch, *judged, within, known);
      if (!collected) return fail(collected.error());
      if (*collected) continue;
    }
    known.push_back({stretch, judged->time});
  }
  return {};
}

Result<bool> SqliteReliability::collect_finer(std::int64_t client, Resolution resolution, const Stretch& stretch, const Judged& judged,
                                              const Stretch& within, std::vector<KnownTime>& known) {
  const auto parts = finer(resolution);
  std::array<microseconds, 4> sum{};
  for (auto start = stretch.from; start < stretch.to; start += length_of(parts)) {
    const auto each = read(parts, start, client);
    if (!each) return fail(each.error());
    for (std::size_t state = 0; state < sum.size(); ++state) sum.at(state) += each->time.at(state);
  }
  if (sum != judged.time) return false;  // some were removed
  if (auto done = collect(client, parts, common(stretch, within), known); !done) return fail(done.error());
  return true;
}

}  // namespace vpn_sentinel
