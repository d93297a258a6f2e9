#include "hub/store/sqlite_flow_removal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite_housekeeping.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

constexpr auto slice = static_cast<std::int64_t>(FlowStore::most_removed);
/// Pages given back by one slice: 4 MB.
constexpr int most_flow_pages_given_back = 500;
/// To find clients of whom nothing is kept, all kinds are read.
constexpr std::chrono::hours clients_pause{1};

std::chrono::hours age_of(const FlowRetention& retention, Resolution resolution) {
  return resolution == Resolution::minute ? retention.minutes : resolution == Resolution::hour ? retention.hours : retention.days;
}

/// What is younger stays however large the file is: questions about the last day are answered by it.
std::int64_t floor_of(WallTime now, Resolution resolution) {
  const auto floor = resolution == Resolution::minute ? FlowRetention::least_minutes : FlowRetention::least;
  return number_of(start_of(now - floor, resolution));
}

}  // namespace

Result<FlowRemoval> FlowRemoval::prepare(Database& database) {
  constexpr std::pair<Statement Statements::*, std::string_view> texts[] = {
      {&Statements::oldest, "SELECT start FROM flow_samples WHERE resolution = ?1 ORDER BY start LIMIT 1"},
      {&Statements::remove_samples,
       "DELETE FROM flow_samples WHERE resolution = ?1 AND (start, kind) IN "
       "(SELECT start, kind FROM flow_samples WHERE resolution = ?1 AND start < ?2 ORDER BY start, kind LIMIT ?3) RETURNING start, kind"},
      {&Statements::remove_gaps,
       "DELETE FROM flow_gaps WHERE resolution = ?1 AND (start, client) IN "
       "(SELECT start, client FROM flow_gaps WHERE resolution = ?1 AND start < ?2 ORDER BY start, client LIMIT ?3)"},
      // Whatever has a minute or an hour has its day as well.
      {&Statements::remove_kind,
       "DELETE FROM flow_kinds WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM flow_samples WHERE kind = ?1 AND resolution = 2)"},
      {&Statements::remove_boots,
       "DELETE FROM flow_boots WHERE (client, boot_id) IN (SELECT client, boot_id FROM flow_boots WHERE received < ?1 LIMIT ?2)"},
      {&Statements::remove_clients,
       "DELETE FROM flow_clients WHERE id NOT IN (SELECT client FROM flow_kinds) AND id NOT IN (SELECT client FROM flow_boots) AND "
       "id NOT IN (SELECT client FROM flow_gaps)"},
      {&Statements::save_since,
       "INSERT INTO flow_kept VALUES (?1, ?2) ON CONFLICT (resolution) DO UPDATE SET since = max(since, excluded.since)"},
  };
  Statements statements;
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    statements.*statement = std::move(*prepared);
  }
  return FlowRemoval(std::move(statements));
}

Result<FlowRemoval::Removed> FlowRemoval::remove(Database& database, const FlowRetention& retention) {
  Removed removed;
  for (const auto resolution : resolutions) {
    const auto gone = remove_before(resolution, number_of(retention.now - age_of(retention, resolution)), removed);
    if (!gone) return fail(gone.error());
    removed.more = removed.more || *gone >= slice;
  }
  if (auto done = keep_small(database, retention, removed); !done) return fail(done.error());
  const auto boots = sql_.remove_boots.run_counted(number_of(retention.now - retention.boots), slice);
  if (!boots) return fail(boots.error());
  removed.boots = *boots > 0;
  idle_clients_ = idle_clients_ || removed.boots || !removed.kinds.empty();
  if (auto done = remove_clients(retention.now, removed); !done) return fail(done.error());
  return removed;
}

Result<std::int64_t> FlowRemoval::remove_before(Resolution resolution, std::int64_t before, Removed& removed) {
  const auto gaps = sql_.remove_gaps.run_counted(number_of(resolution), before, slice);
  if (!gaps) return fail(gaps.error());
  idle_clients_ = idle_clients_ || (*gaps > 0 && resolution == Resolution::day);
  std::int64_t gone = 0;
  std::int64_t last = 0;
  std::unordered_set<std::int64_t> kinds;
  auto done = sql_.remove_samples.query(
      [&](const Statement& row) {
        ++gone;
        last = std::max(last, row.integer(0));
        if (resolution == Resolution::day) kinds.insert(row.integer(1));
      },
      number_of(resolution), before, slice);
  // Of the last stretch some may be left: what is kept begins after it.
  if (done && gone > 0) done = sql_.save_since.run(number_of(resolution), last + length_of(resolution).count());
  if (done) done = remove_kinds(kinds, removed);
  if (!done) return fail(done.error());
  return gone;
}

Result<void> FlowRemoval::remove_kinds(const std::unordered_set<std::int64_t>& kinds, Removed& removed) {
  for (const auto kind : kinds) {
    const auto gone = sql_.remove_kind.run_counted(kind);
    if (!gone) return fail(gone.error());
    if (*gone > 0) removed.kinds.insert(kind);
  }
  return {};
}

Result<void> FlowRemoval::keep_small(Database& database, const FlowRetention& retention, Removed& removed) {
  const auto use = file_use(database);
  if (!use) return fail(use.error());
  if (use->bytes > use->used) {
    if (auto done = database.execute(fmt::format("PRAGMA incremental_vacuum({})", most_flow_pages_given_back)); !done)
      return fail(done.error());
  }
  if (retention.most_bytes == 0 || use->used <= retention.most_bytes) return {};
  const auto resolution = most_kept(retention);
  if (!resolution) return fail(resolution.error());
  removed.crowded = !*resolution;
  if (removed.crowded) return {};
  const auto gone = remove_before(**resolution, floor_of(retention.now, **resolution), removed);
  if (!gone) return fail(gone.error());
  removed.more = true;
  return {};
}

/// Minutes, hours and days shrink in proportion to how long they should be kept. Nullopt: all are at their floor.
Result<std::optional<Resolution>> FlowRemoval::most_kept(const FlowRetention& retention) {
  std::optional<Resolution> most;
  double most_share = 0;
  for (const auto resolution : resolutions) {
    std::optional<std::int64_t> oldest;
    auto done = sql_.oldest.query([&oldest](const Statement& row) { oldest = row.integer(0); }, number_of(resolution));
    if (!done) return fail(done.error());
    if (!oldest || *oldest >= floor_of(retention.now, resolution)) continue;
    const std::chrono::microseconds whole = age_of(retention, resolution);
    const auto share =
        static_cast<double>(number_of(retention.now) - *oldest) / static_cast<double>(std::max<std::int64_t>(whole.count(), 1));
    if (most && share <= most_share) continue;
    most = resolution;
    most_share = share;
  }
  return most;
}

Result<void> FlowRemoval::remove_clients(WallTime now, Removed& removed) {
  if (removed.more || !idle_clients_) return {};
  if (last_clients_ && std::chrono::abs(now - *last_clients_) < clients_pause) return {};
  if (auto done = sql_.remove_clients.run(); !done) return done;
  removed.clients = true;
  idle_clients_ = false;
  last_clients_ = now;
  return {};
}

}  // namespace vpn_sentinel
