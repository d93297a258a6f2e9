/// When a hub was there to hear its clients: only then their silence says something about them.
#pragma once

#include <vector>

#include "hub/state/time_zone.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

class SqlitePresence {
 public:
  /// A shorter gap (a restart) is none: leases are longer.
  static constexpr std::chrono::seconds shortest_gap{90};

  [[nodiscard]] static Result<SqlitePresence> prepare(Database& database);

  /// The hub is there, and can write: inside the caller's transaction, some times in a minute. Forgets what is older than changes are kept.
  /// Nothing is noted while `retention.now` may be wrong.
  [[nodiscard]] Result<void> note(const Retention& retention);

 private:
  Statement goes_on_, begin_, remove_;
};

/// In the order of time, without overlaps (a clock that was set back may have made some: they are joined).
[[nodiscard]] Result<std::vector<Stretch>> read_presence(Statement& presence);
inline constexpr std::string_view presence_sql = "SELECT start, until FROM presence ORDER BY start";

}  // namespace vpn_sentinel
