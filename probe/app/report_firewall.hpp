/// What was counted, held back and shown of the path itself, as parts of a report. Pure.
#pragma once

#include <optional>

#include "netns/geo/geo_database.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/report/report.hpp"
#include "probe/verdict/firewall_view.hpp"
#include "probe/verdict/packet_findings.hpp"
#include "probe/verdict/path_view.hpp"

namespace vpn_sentinel {

/// Destinations with as much as `detail` tells, those that look alike then added up: with a country where `database` has one, and with none
/// without an address.
[[nodiscard]] LeakReport leak_report(const PacketsView& packets, DestinationDetail detail = DestinationDetail::full,
                                     const GeoDatabase* database = nullptr);
/// What findings tell where `detail` is asked for.
[[nodiscard]] EndDetail end_detail(DestinationDetail detail);
[[nodiscard]] KillSwitchReport kill_switch_report(const KillSwitchView& kill_switch);
[[nodiscard]] RulesetReport ruleset_report(const RulesetView& ruleset);
/// Nullopt: no server told an address.
[[nodiscard]] BoxedOptional<UdpExitReport> udp_exit_report(const UdpView& udp);
[[nodiscard]] MtuReport mtu_report(const LargePacketsView& large_packets);

}  // namespace vpn_sentinel
