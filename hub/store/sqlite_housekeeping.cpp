#include "hub/store/sqlite_housekeeping.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <utility>

#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

constexpr auto most_removed = static_cast<std::int64_t>(Store::most_removed);
constexpr std::int64_t any_id = std::numeric_limits<std::int64_t>::max();
/// Pages given back by one slice: 4 MB.
constexpr std::uint64_t most_given_back = 500;
/// Fewer free bytes than this are sooner used again than given back and asked for anew.
constexpr std::uint64_t worth_giving_back = std::uint64_t{64} * 1024 * 1024;

/// A clock that says less was never set: no hub is that old.
constexpr WallTime first_possible{std::chrono::sys_days{std::chrono::year{2025} / 1 / 1}};
/// Reports of one moment are stamped by more than one thread.
constexpr std::chrono::minutes clock_tolerance{1};

Result<std::uint64_t> pragma(Database& database, std::string_view sql) {
  const auto text = database.value(sql);
  if (!text) return fail(text.error());
  std::uint64_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

std::string look_sql(std::string_view table, std::string_view time, std::string_view condition) {
  return fmt::format("SELECT id, {1} FROM {0} WHERE id > ?1 AND {2} ORDER BY id LIMIT ?2", table, time, condition);
}
std::string remove_sql(std::string_view table, std::string_view condition) {
  return fmt::format("DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE id <= ?1 AND {1} ORDER BY id LIMIT ?2)", table, condition);
}
constexpr std::string_view remove_numbers_sql =
    "DELETE FROM numbers WHERE (boot, seq) IN "
    "(SELECT boots.id, gone.seq FROM (SELECT client, boot_id, seq FROM reports WHERE id <= ?1 ORDER BY id LIMIT ?2) AS gone "
    "JOIN boots ON boots.client = gone.client AND boots.boot_id = gone.boot_id)";
/// With the numbers goes the knowledge which reports were stored, but an outbox may bring them again.
constexpr std::string_view note_numbers_sql =
    "UPDATE boots SET gone_until = max(gone_until, gone.seq), gone_received = max(gone_received, gone.received) FROM "
    "(SELECT client, boot_id, max(seq) AS seq, max(received) AS received FROM "
    "(SELECT client, boot_id, seq, received FROM reports WHERE id <= ?1 ORDER BY id LIMIT ?2) GROUP BY client, boot_id) AS gone "
    "WHERE boots.client = gone.client AND boots.boot_id = gone.boot_id";
/// A report waits in an outbox for no longer than a week after it was made, and it was made before it came.
constexpr std::chrono::hours outboxes_forget{24 * 8};
/// Boots that are looked at by one slice.
constexpr std::int64_t most_boots = 1'000;
constexpr std::string_view remove_samples_sql =
    "DELETE FROM samples WHERE resolution = ?1 AND (start, client) IN "
    "(SELECT start, client FROM samples WHERE resolution = ?1 AND start < ?2 ORDER BY start, client LIMIT ?3)";

}  // namespace

Result<FileUse> file_use(Database& database) {
  const auto size = pragma(database, "PRAGMA page_size");
  if (!size) return fail(size.error());
  const auto pages = pragma(database, "PRAGMA page_count");
  if (!pages) return fail(pages.error());
  const auto free = pragma(database, "PRAGMA freelist_count");
  if (!free) return fail(free.error());
  return FileUse{*pages * *size, (*pages - *free) * *size};
}

Result<SqliteHousekeeping> SqliteHousekeeping::prepare(Database& database) {
  SqliteHousekeeping housekeeping;
  housekeeping.reports_.before_removal.resize(2);
  auto& note_numbers = housekeeping.reports_.before_removal[0];
  auto& remove_numbers = housekeeping.reports_.before_removal[1];
  constexpr std::string_view finished = "(delivered IS NOT NULL OR gave_up = 1)";
  constexpr std::string_view closed = "until < 9223372036854775807";
  const std::pair<Statement*, std::string> texts[] = {
      {&housekeeping.reports_.look, look_sql("reports", "received", "1")},
      {&housekeeping.reports_.remove, remove_sql("reports", "1")},
      {&note_numbers, std::string(note_numbers_sql)},
      {&remove_numbers, std::string(remove_numbers_sql)},
      {&housekeeping.changes_.look, look_sql("changes", "noticed", "1")},
      {&housekeeping.changes_.remove, remove_sql("changes", "1")},
      {&housekeeping.alerts_.look, look_sql("alerts", "created", finished)},
      {&housekeeping.alerts_.remove, remove_sql("alerts", finished)},
      {&housekeeping.incidents_.look, look_sql("incidents", "until", closed)},
      {&housekeeping.incidents_.remove, remove_sql("incidents", closed)},
      {&housekeeping.any_report_, "SELECT id FROM reports WHERE id > ?1 LIMIT 1"},
      {&housekeeping.newest_report_, "SELECT received FROM reports ORDER BY id DESC LIMIT 1"},
      {&housekeeping.look_at_boots_, "SELECT max(id) FROM (SELECT id FROM boots WHERE id > ?1 ORDER BY id LIMIT ?2)"},
      {&housekeeping.remove_boots_,
       "DELETE FROM boots WHERE id > ?1 AND id <= ?2 AND gone_received < ?3 AND "
       "NOT EXISTS (SELECT 1 FROM numbers WHERE boot = boots.id)"},
      {&housekeeping.remove_any_boots_,
       "DELETE FROM boots WHERE id IN (SELECT id FROM boots WHERE NOT EXISTS (SELECT 1 FROM numbers WHERE boot = boots.id) LIMIT ?1)"},
      {&housekeeping.samples_, std::string(remove_samples_sql)},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    *statement = std::move(*prepared);
  }
  const auto vacuum = pragma(database, "PRAGMA auto_vacuum");
  if (!vacuum) return fail(vacuum.error());
  housekeeping.auto_vacuum_ = *vacuum == 2;  // INCREMENTAL; files of earlier versions reuse their free pages only
  return housekeeping;
}

Result<bool> SqliteHousekeeping::remove_old(const Retention& retention, std::int64_t rolled_up) {
  const auto now = retention.now;
  wants_roll_up_ = false;
  if (!retention.by_age) return false;
  const auto in_the_past = is_before_newest(now);
  if (!in_the_past) return fail(in_the_past.error());
  if (*in_the_past) return false;
  bool more = false;
  const auto add = [&more](const Result<bool>& removed) -> Result<void> {
    if (!removed) return fail(removed.error());
    more = more || *removed;
    return {};
  };
  const auto samples = [this](Resolution resolution, WallTime before) -> Result<bool> {
    const auto removed = remove_samples(resolution, number_of(before));
    if (!removed) return fail(removed.error());
    return *removed >= most_removed;
  };
  auto done = add(remove_old_lines(reports_, now - retention.reports, now, rolled_up));
  wants_roll_up_ = reports_.old_until > rolled_up;
  more = more || wants_roll_up_;
  if (done) done = add(remove_old_lines(alerts_, now - retention.reports, now, any_id));
  if (done) done = add(remove_old_lines(changes_, now - retention.changes(), now, any_id));
  if (done) done = add(remove_old_lines(incidents_, now - retention.changes(), now, any_id));
  if (done) done = add(samples(Resolution::minute, now - retention.minutes));
  if (done) done = add(samples(Resolution::hour, now - retention.hours));
  if (!done) return fail(done.error());
  return more;
}

Result<bool> SqliteHousekeeping::find_old(Line& line, WallTime before, WallTime now) {
  std::int64_t rows = 0;
  std::int64_t last = 0;
  bool only_impossible = true;
  bool young = false;
  auto done = line.look.query(
      [&](const Statement& row) {
        ++rows;
        last = row.integer(0);
        const auto time = row.integer(1);
        const bool impossible = time > number_of(now) || time < number_of(first_possible);
        only_impossible = only_impossible && impossible;
        young = young || (!impossible && time >= number_of(before));
        if (!impossible && !young) line.old_until = last;
      },
      std::max(line.looked_until, line.old_until), most_removed);
  if (!done) return fail(done.error());
  const bool goes_on = only_impossible && rows == most_removed;
  line.looked_until = goes_on ? last : 0;
  return goes_on;
}

Result<bool> SqliteHousekeeping::is_before_newest(WallTime now) {
  bool before = false;
  auto done = newest_report_.query([&](const Statement& row) { before = row.integer(0) > number_of(now + clock_tolerance); });
  if (!done) return fail(done.error());
  return before;
}

Result<bool> SqliteHousekeeping::remove_old_lines(Line& line, WallTime before, WallTime now, std::int64_t most_id) {
  auto looks_on = find_old(line, before, now);
  if (!looks_on) return looks_on;
  const auto removed = remove_lines(line, std::min(line.old_until, most_id));
  if (!removed) return fail(removed.error());
  return *looks_on || *removed >= most_removed;
}

Result<std::int64_t> SqliteHousekeeping::remove_lines(Line& line, std::int64_t until) {
  for (auto& statement : line.before_removal) {
    if (auto done = statement.run(until, most_removed); !done) return fail(done.error());
  }
  return line.remove.run_counted(until, most_removed);
}

/// Round and round: who starts a probe again and again leaves many, and nearly all have reports.
Result<std::int64_t> SqliteHousekeeping::remove_boots(const Retention& retention) {
  std::int64_t last = 0;
  const auto look = [&] {
    return look_at_boots_.query([&last](const Statement& row) { last = row.integer(0); }, looked_at_boots_, most_boots);
  };
  auto done = look();
  if (done && last == 0) looked_at_boots_ = 0, done = look();
  if (!done) return fail(done.error());
  const auto before = retention.by_age ? number_of(retention.now - outboxes_forget) : std::int64_t{1};
  return remove_boots_.run_counted(std::exchange(looked_at_boots_, last), last, before);
}

Result<bool> SqliteHousekeeping::keep_small(Database& database, std::uint64_t most_bytes, std::int64_t rolled_up) {
  const auto use = file_use(database);
  if (!use) return fail(use.error());
  const auto spare = use->bytes - use->used;
  const bool too_large = most_bytes != 0 && use->bytes > most_bytes;
  const bool roomy = spare > worth_giving_back && spare > use->bytes / 4;
  bool gives_back = false;
  if (auto_vacuum_ && spare > 0 && (too_large || roomy)) {
    if (auto done = database.execute(fmt::format("PRAGMA incremental_vacuum({})", most_given_back)); !done) return fail(done.error());
    gives_back = too_large || spare > worth_giving_back * 2;
  }
  if (most_bytes == 0 || use->used <= most_bytes) return gives_back;
  const auto removed = remove_oldest(rolled_up);
  if (!removed) return fail(removed.error());
  return *removed > 0 || wants_roll_up_ || gives_back;
}

/// What tells the story in the fewest bytes goes last. Alerts that wait and open incidents stay, and so do reports that no roll-up holds.
Result<std::int64_t> SqliteHousekeeping::remove_oldest(std::int64_t rolled_up) {
  auto removed = remove_lines(reports_, rolled_up);
  if (removed && *removed == 0) {
    auto done = any_report_.query([this](const Statement&) { wants_roll_up_ = true; }, rolled_up);
    if (!done) return fail(done.error());
    if (wants_roll_up_) return removed;
  }
  const auto nothing = [&removed] { return removed && *removed == 0; };
  if (nothing()) removed = remove_samples(Resolution::minute, any_id);
  if (nothing()) removed = remove_samples(Resolution::hour, any_id);
  if (nothing()) removed = remove_lines(alerts_, any_id);
  if (nothing()) removed = remove_samples(Resolution::day, any_id);
  if (nothing()) removed = remove_lines(incidents_, any_id);
  if (nothing()) removed = remove_lines(changes_, any_id);
  if (!nothing()) return removed;
  removed = remove_any_boots_.run_counted(most_removed);
  lost_boots_ = lost_boots_ || (removed && *removed > 0);
  return removed;
}

Result<std::int64_t> SqliteHousekeeping::remove_samples(Resolution resolution, std::int64_t before) {
  return samples_.run_counted(static_cast<std::int64_t>(resolution), before, most_removed);
}

}  // namespace vpn_sentinel
