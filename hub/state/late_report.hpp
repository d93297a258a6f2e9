/// What a report says that is older than what is known: history that was missing. Pure.
#pragma once

#include <optional>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {

/// A stored report, as much of it as the history needs.
struct StoredReport {
  State state = State::warning;
  WallTime time{};  ///< when it was true
  friend bool operator==(const StoredReport&, const StoredReport&) = default;
};

/// The stored reports of the same boot before and after one, by number.
struct Neighbours {
  std::optional<StoredReport> before;
  std::optional<StoredReport> after;
};

/// The changes (all `past`) that a late report adds to the history between its neighbours. `client` is the present state.
[[nodiscard]] std::vector<Change> past_changes(const Admitted& late, const Neighbours& neighbours, const ClientState& client);

/// The stretch of time that it speaks for: until the next report was true; without one as long as its lease.
[[nodiscard]] PastStretch past_stretch(const Admitted& late, const Neighbours& neighbours, std::chrono::seconds default_lease);

}  // namespace vpn_sentinel
