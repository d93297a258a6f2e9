/// Removes flows from their file: what is too old, and when the file is too large what is oldest. For the thread of the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_set>

#include "hub/store/flow_store.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

class FlowRemoval {
 public:
  struct Removed {
    bool more = false;                         ///< there is more to remove
    bool crowded = false;                      ///< the file is too large, and what is left is too young to go
    bool boots = false;                        ///< some are gone
    bool clients = false;                      ///< some may be gone
    std::unordered_set<std::int64_t> kinds{};  ///< that are gone, by number
  };

  [[nodiscard]] static Result<FlowRemoval> prepare(Database& database);
  /// One slice, within the caller's transaction.
  [[nodiscard]] Result<Removed> remove(Database& database, const FlowRetention& retention);

 private:
  struct Statements {
    Statement oldest, remove_samples, remove_gaps, remove_kind, remove_boots, remove_clients, save_since;
  };
  explicit FlowRemoval(Statements statements) : sql_(std::move(statements)) {}

  [[nodiscard]] Result<std::int64_t> remove_before(Resolution resolution, std::int64_t before, Removed& removed);
  [[nodiscard]] Result<void> remove_kinds(const std::unordered_set<std::int64_t>& kinds, Removed& removed);
  [[nodiscard]] Result<void> keep_small(Database& database, const FlowRetention& retention, Removed& removed);
  [[nodiscard]] Result<std::optional<Resolution>> most_kept(const FlowRetention& retention);
  [[nodiscard]] Result<void> remove_clients(WallTime now, Removed& removed);

  Statements sql_;
  bool idle_clients_ = true;  ///< there may be clients of whom nothing is kept
  std::optional<WallTime> last_clients_{};
};

}  // namespace vpn_sentinel
