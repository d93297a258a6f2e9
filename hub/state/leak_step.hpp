/// Which two reports a client's counters are compared of. Pure.
#pragma once

#include <optional>

#include "hub/ingest/admission.hpp"
#include "hub/state/exposure.hpp"
#include "hub/state/late_report.hpp"

namespace vpn_sentinel {

/// Of a report that is the newest now. `before`: what was known of the client until then, null: nothing. Both must outlive the step.
/// Nullopt: the Python original's.
[[nodiscard]] std::optional<LeakStep> leak_step(const ClientState* before, const Admitted& admitted);

/// What left before a late report and after it, until its neighbours.
[[nodiscard]] Exposure exposure_about(const LateReport& late);
/// The counters of the report alone.
[[nodiscard]] Exposure counters_of(const Report& report);

}  // namespace vpn_sentinel
