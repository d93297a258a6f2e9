/// The database file of the hub: claimed, checked, brought to the newest shape.
#pragma once

#include <string>

#include "hub/store/migrations.hpp"
#include "hub/store/sqlite.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

struct DatabaseFile {
  Fd claim;  ///< the lock; must outlive the database: closing any descriptor of the file would drop SQLite's own locks
  Database database;
};

/// Makes the file when it is missing (mode 0600). Errors: no such directory, another hub uses it, another program's, a newer hub's,
/// damaged.
[[nodiscard]] Result<DatabaseFile> open_database_file(const std::string& file, const Schema& schema);

/// For a program that reads beside the hub, or without one; nothing is changed. Errors: it cannot be read; another program's, or of another
/// version.
[[nodiscard]] Result<Database> open_database_to_read(const std::string& file, const Schema& schema);

}  // namespace vpn_sentinel
