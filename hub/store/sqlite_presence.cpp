#include "hub/store/sqlite_presence.hpp"

#include <algorithm>
#include <utility>

#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {}  // namespace

Result<SqlitePresence> SqlitePresence::prepare(Database& database) {
  SqlitePresence presence;
  const std::pair<Statement SqlitePresence::*, std::string_view> texts[] = {
      {&SqlitePresence::goes_on_,
       "UPDATE presence SET until = max(until, ?1) WHERE start = (SELECT max(start) FROM presence WHERE start <= ?1) AND until >= ?2"},
      {&SqlitePresence::begin_, "INSERT OR IGNORE INTO presence (start, until) VALUES (?1, ?1)"},
      {&SqlitePresence::remove_, "DELETE FROM presence WHERE until < ?1"},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    presence.*statement = std::move(*prepared);
  }
  return presence;
}

Result<void> SqlitePresence::note(const Retention& retention) {
  if (!retention.by_age) return {};
  const auto goes_on = goes_on_.run_counted(number_of(retention.now), number_of(retention.now - shortest_gap));
  if (!goes_on) return fail(goes_on.error());
  if (*goes_on > 0) return {};
  // Once per start of a hub: the time to look what is old.
  if (auto done = remove_.run(number_of(retention.now - retention.changes())); !done) return done;
  return begin_.run(number_of(retention.now));
}

Result<std::vector<Stretch>> read_presence(Statement& presence) {
  std::vector<Stretch> stretches;
  auto done = presence.query([&stretches](const Statement& row) {
    const Stretch stretch{time_of(row.integer(0)), time_of(row.integer(1))};
    if (!stretches.empty() && stretch.from <= stretches.back().to) {
      stretches.back().to = std::max(stretches.back().to, stretch.to);
    } else {
      stretches.push_back(stretch);
    }
  });
  if (!done) return fail(done.error());
  return stretches;
}

}  // namespace vpn_sentinel
