/// What was counted, held back and shown of the path itself, as parts of a report. Pure.
#pragma once

#include <optional>

#include "probe/report/report.hpp"
#include "probe/verdict/firewall_view.hpp"
#include "probe/verdict/path_view.hpp"

namespace vpn_sentinel {

[[nodiscard]] LeakReport leak_report(const PacketsView& packets);
[[nodiscard]] KillSwitchReport kill_switch_report(const KillSwitchView& kill_switch);
[[nodiscard]] RulesetReport ruleset_report(const RulesetView& ruleset);
/// Nullopt: no server told an address.
[[nodiscard]] std::optional<UdpExitReport> udp_exit_report(const UdpView& udp);
[[nodiscard]] MtuReport mtu_report(const LargePacketsView& large_packets);

}  // namespace vpn_sentinel
