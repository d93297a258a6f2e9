/// Engines that count what becomes of reports and flows. So every way in is counted, whatever the route.
#pragma once

#include <memory>

#include "hub/engine/engine.hpp"
#include "hub/engine/flow_engine.hpp"
#include "hub/metrics/counters.hpp"

namespace vpn_sentinel {

/// `engine` and `counters` must outlive it; everything else goes through to `engine`.
[[nodiscard]] std::unique_ptr<Engine> count_reports(Engine& engine, HubCounters& counters);
[[nodiscard]] std::unique_ptr<FlowEngine> count_flows(FlowEngine& engine, FlowCounters& counters);

}  // namespace vpn_sentinel
