/// The shape of accounts.db by number (PRAGMA user_version).
#pragma once

#include "hub/store/migrations.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

[[nodiscard]] const Schema& account_schema();

/// Brings it to the newest shape, one transaction per step. A file of a newer hub, or of another program, is refused.
[[nodiscard]] Result<void> migrate_accounts(Database& database, const std::string& file);

}  // namespace vpn_sentinel
