/// The shape of the SQLite databases by number (PRAGMA user_version).
#pragma once

#include <span>

#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// All that a file has been through.
struct Schema {
  long application_id = 0;
  std::span<const char* const> steps;
};
[[nodiscard]] const Schema& report_schema();
[[nodiscard]] const Schema& flow_schema();

/// A file of a newer hub, or of another program, is refused.
[[nodiscard]] Result<void> check_owner(Database& database, const Schema& schema, const std::string& file);

/// Brings the database to the newest shape, one transaction per step.
[[nodiscard]] Result<void> migrate(Database& database, const Schema& schema);

}  // namespace vpn_sentinel
