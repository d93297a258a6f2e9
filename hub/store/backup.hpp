/// A copy of the database of a hub that runs, and a look whether a database is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Copies the database as it is at this moment to `target`, while the hub goes on writing: into target.part (mode 0600), which is checked
/// whole (integrity_check) and durable before it gets its name. A target that exists is refused; a .part of an earlier try is replaced.
/// `progress` is called now and then with pages copied and pages in all. Memory is bounded; the hub's log grows while the copy lasts.
[[nodiscard]] Result<void> backup_database(const std::string& source, const std::string& target,
                                           const std::function<void(int copied, int total)>& progress);

/// What check_database() saw.
struct DatabaseReport {
  std::int64_t reports = 0;
  std::int64_t clients = 0;
  std::int64_t incidents = 0;
  std::uint64_t bytes = 0;
};

/// integrity_check and foreign_key_check over all of it, beside a hub that may run. An Error of kind failed: it is damaged, the message
/// says how.
[[nodiscard]] Result<DatabaseReport> check_database(const std::string& file);

}  // namespace vpn_sentinel
