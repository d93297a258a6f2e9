/// The shape of the SQLite database by number (PRAGMA user_version).
#pragma once

#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// A file of a newer hub, or of another program, is refused.
[[nodiscard]] Result<void> check_owner(Database& database, const std::string& file);

/// Brings the database to the newest shape, one transaction per step.
[[nodiscard]] Result<void> migrate(Database& database);

}  // namespace vpn_sentinel
