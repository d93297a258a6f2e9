/// What a report says that is older than what is known: history that was missing. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {

/// When the report was true, as far as it says.
[[nodiscard]] inline WallTime time_of(const Admitted& admitted) { return admitted.report.timestamp.value_or(admitted.received); }

/// A stored report, as much of it as the history needs.
struct StoredReport {
  std::uint64_t seq = 0;
  State state = State::warning;
  WallTime time{};  ///< when it was true
  BoxedOptional<LeakReport> leak = {};
  friend bool operator==(const StoredReport&, const StoredReport&) = default;
};

/// The stored reports of the same boot before and after one, by number.
struct Neighbours {
  std::optional<StoredReport> before;
  std::optional<StoredReport> after;
};

/// One late report among those that came with it and those that were known.
struct LateReport {
  const Admitted* admitted = nullptr;  ///< not owned
  Neighbours neighbours;               ///< with those that came with it
  State taken_for = State::secure;     ///< what the hub took its time for so far: the state of the last one before it that was known
  bool next_came_with_it = false;      ///< and tells for itself how it went on
};

/// Of reports that were stored in one transaction, each with its neighbours: `taken_for` and `next_came_with_it` become known. Sorted by
/// client, boot and number.
void place_among_each_other(std::vector<LateReport>& late);

/// The changes (all `past`) that it adds to the history between its neighbours. `client` is the present state.
[[nodiscard]] std::vector<Change> past_changes(const LateReport& late, const ClientState& client);

/// The stretch of time that it speaks for: until the next report was true; without one as long as its lease.
[[nodiscard]] PastStretch past_stretch(const LateReport& late, std::chrono::seconds default_lease);

}  // namespace vpn_sentinel
