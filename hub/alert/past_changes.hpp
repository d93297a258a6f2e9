/// What dry_run() looks at, read from the store.
#pragma once

#include <string>
#include <vector>

#include "hub/alert/dry_run.hpp"
#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// One client, or a group (group:NAME), of whom the history is asked.
struct PastSubject {
  std::string client_id;
  std::string group;  ///< empty: none
};

/// A dry run looks at no more changes: some hundred bytes each.
inline constexpr std::size_t most_past_changes = 50'000;

/// In the order in which they were noticed. Errors: invalid: there are too many; else the store's. The reader's thread.
[[nodiscard]] Result<std::vector<PastChange>> read_past_changes(StoreReader& reader, const std::vector<PastSubject>& subjects,
                                                                const TimeRange& range);

}  // namespace vpn_sentinel
