// What keeps the file small and the roll-ups up to date.
#include <algorithm>
#include <utility>

#include "hub/store/sqlite_store.hpp"

namespace vpn_sentinel {

template <typename Work>
Result<void> SqliteStore::in_transaction(Work work) {
  auto done = begin();
  if (done) done = work();
  if (done) done = commit();
  if (!done) rollback();
  return done;
}

Result<bool> SqliteStore::roll_up() {
  bool more = false;
  auto done = in_transaction([&]() -> Result<void> {
    const auto rolled = roll_up_slice(SqliteRollUp::Pace::together, more);
    return rolled ? Result<void>() : fail(rolled.error());
  });
  if (!done) return fail(done.error());
  return more;
}

/// The checkpoint first: it gives the log's space back, which may be what a full disk needs. Slice after slice of one removal share
/// one, unless the log is long.
Result<bool> SqliteStore::maintain(const Retention& retention) {
  log_.limit_file(retention.most_bytes);
  const bool goes_on = std::exchange(more_to_remove_, false);
  auto done = goes_on && !needs_maintenance() ? Result<void>() : log_.checkpoint();
  bool more = false;
  if (done) done = in_transaction([&] { return remove_slice(retention, more); });
  if (!done) return fail(done.error());
  log_.look_at_size();
  more_to_remove_ = more;
  return more;
}

bool SqliteStore::needs_maintenance() const { return log_.needs_maintenance(); }

Result<std::size_t> SqliteStore::roll_up_slice(SqliteRollUp::Pace pace, bool& more) {
  Result<void> done;
  if (!std::exchange(round_is_on_, true)) done = numbers_.begin_round();
  if (done && numbers_.is_wanted()) done = numbers_.advance(ReportNumbers::most_entered);
  if (!done) return fail(done.error());
  const auto progress = roll_up_.advance(most_rolled_up, pace, numbers_);
  if (!progress) return fail(progress.error());
  more = round_is_on_ = numbers_.is_wanted() || progress->more;
  return progress->work;
}

Result<void> SqliteStore::roll_up_for_removal(bool& more) {
  bool rest = true;
  for (std::size_t work = 0; work < most_removed && rest;) {
    const auto slice = roll_up_slice(SqliteRollUp::Pace::at_once, rest);
    if (!slice) return fail(slice.error());
    work += *slice;
  }
  more = more || rest;
  return {};
}

Result<std::int64_t> SqliteStore::removable_until() {
  const auto entered = numbers_.entered_until();
  if (!entered) return fail(entered.error());
  return std::min(*entered, roll_up_.mark());
}

Result<void> SqliteStore::remove_slice(const Retention& retention, bool& more) {
  auto removable = removable_until();
  if (!removable) return fail(removable.error());
  auto old = housekeeping_.remove_old(retention, *removable);
  if (!old) return fail(old.error());
  const auto large = housekeeping_.keep_small(database_, retention.most_bytes, *removable);
  if (!large) return fail(large.error());
  if (housekeeping_.take_lost_boots()) numbers_.boots_removed();
  if (housekeeping_.wants_roll_up()) {
    // What may be removed has to be rolled up before: the pace of the roll-up is that of the removal.
    if (auto done = roll_up_for_removal(more); !done) return done;
    removable = removable_until();
    if (!removable) return fail(removable.error());
    old = housekeeping_.remove_old(retention, *removable);
    if (!old) return fail(old.error());
  }
  more = more || *old || *large;
  if (more) return {};
  if (auto noted = presence_.note(retention); !noted) return noted;
  return prune(retention);
}

Result<void> SqliteStore::prune(const Retention& retention) {
  const auto boots = housekeeping_.remove_boots(retention);
  if (!boots) return fail(boots.error());
  if (*boots > 0) numbers_.boots_removed();
  std::vector<std::int64_t> unused;
  auto done = sql_.unused_names.query([&unused](const Statement& row) { unused.push_back(row.integer(0)); },
                                      static_cast<std::int64_t>(most_removed));
  if (!done || unused.empty()) return done;
  const auto waiting = numbers_.waiting_clients();
  if (!waiting) return fail(waiting.error());
  for (const auto name : unused) {
    if (done && !waiting->contains(name)) done = sql_.remove_name.run(name);
  }
  names_.clear();
  return done;
}

}  // namespace vpn_sentinel
