/// A copy of the database of a hub that runs, and a look whether a database is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hub/store/migrations.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Why there is no backup.
struct BackupFailure {
  enum class Kind {
    not_made,  ///< the copy could not be made
    damaged,   ///< the source is no whole database
    stopped,   ///< BackupProgress said so
  };
  Kind kind = Kind::not_made;
  std::string message;
};

/// Called after each 8 MB with pages copied and pages in all, and when the copy has been checked. False: the backup ends without a trace.
using BackupProgress = std::function<bool(int copied, int total)>;

/// Copies the database (of that schema) as it is at this moment to `target`, while the hub goes on writing: into target.part (mode 0600),
/// which is checked whole (integrity_check) and durable before it gets its name. A target that exists is refused; a .part of an earlier try
/// is replaced. Memory is bounded; the hub's log grows while the copy lasts.
[[nodiscard]] tl::expected<void, BackupFailure> backup_database(const std::string& source, const std::string& target,
                                                                const BackupProgress& progress, const Schema& schema = report_schema());

/// What check_database() saw.
struct DatabaseReport {
  std::int64_t reports = 0;
  std::int64_t clients = 0;
  std::int64_t incidents = 0;
  std::uint64_t bytes = 0;
};

/// integrity_check and foreign_key_check over all of it, beside a hub that may run. The Error says what is wrong with it.
[[nodiscard]] Result<DatabaseReport> check_database(const std::string& file);

/// Whether the database has the client at this moment, beside a hub that may run.
[[nodiscard]] Result<bool> knows_client(const std::string& file, const std::string& client_id);

}  // namespace vpn_sentinel
