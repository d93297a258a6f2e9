/// What a watch knows, as a report for the hub.
#pragma once

#include <chrono>
#include <string>

#include "probe/report/report.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {

/// Without boot_id, seq and lease: those belong to the delivery. `trigger` as in Report.
[[nodiscard]] Report build_report(const TargetWatch& watch, std::string trigger);

}  // namespace vpn_sentinel
