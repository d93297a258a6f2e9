/// The Python original's payload: nested or flat, without a state. What it does not prove is never called secure.
#pragma once

#include <nlohmann/json.hpp>

#include "probe/report/report.hpp"

namespace vpn_sentinel {

/// A bad field counts as unknown, as in the original; unknown is never green. The client id is the caller's business.
[[nodiscard]] Report report_from_original(const nlohmann::json& json);

/// Adds findings from what the original's client measured: the address, its country, the country of its DNS answers. It cannot see
/// routes, so the state is never secure.
void judge_original(Report& report, WallTime when);

}  // namespace vpn_sentinel
