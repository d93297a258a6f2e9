/// What left outside the tunnel by the reports of one transaction, beside the changes that these reports made. No threads.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hub/state/fleet.hpp"
#include "hub/state/leak_step.hpp"

namespace vpn_sentinel {

class LeakSteps {
 public:
  struct Entry {
    LeakStep step;
    std::string group;         ///< group_client_id(); empty: none
    std::size_t position = 0;  ///< so many changes were known before its report
    bool has_change = false;   ///< its report made the next one
    Fleet::Snapshot held;      ///< what `step` points into
  };

  void clear() { entries_.clear(); }
  /// A report that is the newest of its client now. `before` and `after`: the client without and with it; before may be null. `admitted`
  /// must outlive the transaction. Who is secure and stays so has no incident, and costs nothing.
  void note(const Admitted& admitted, Fleet::Snapshot before, const ClientState& after, std::size_t position, bool has_change);
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace vpn_sentinel
