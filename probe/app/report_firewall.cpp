#include "probe/app/report_firewall.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "probe/app/report_peers.hpp"

namespace vpn_sentinel {
namespace {

std::string protocol_word(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_ICMPV6:
      return "icmpv6";
    default:
      return std::to_string(protocol);
  }
}

std::string shown_address(const IpAddress& address, DestinationDetail detail, const GeoDatabase* database) {
  if (detail == DestinationDetail::full) return address.to_string();
  return shown_client({address, 0}, detail, database);
}

LeakDestinationReport destination_report(const OutsideDestination& seen, DestinationDetail detail, const GeoDatabase* database) {
  const bool has_port = (seen.protocol == IPPROTO_UDP || seen.protocol == IPPROTO_TCP) && detail != DestinationDetail::none;
  return {shown_address(seen.address, detail, database),
          protocol_word(seen.protocol),
          has_port ? std::optional(seen.port) : std::nullopt,
          seen.uid,
          seen.traffic.packets,
          seen.traffic.bytes};
}

void add(std::vector<LeakDestinationReport>& destinations, LeakDestinationReport more) {
  const auto same = std::ranges::find_if(destinations, [&more](const LeakDestinationReport& one) {
    return std::tie(one.address, one.protocol, one.port, one.uid) == std::tie(more.address, more.protocol, more.port, more.uid);
  });
  if (same == destinations.end()) {
    destinations.push_back(std::move(more));
  } else {
    same->packets += more.packets;
    same->bytes += more.bytes;
  }
}

std::string word_of(KillSwitchView::Mode mode) {
  switch (mode) {
    case KillSwitchView::Mode::off:
      return "off";
    case KillSwitchView::Mode::armed:
      return "armed";
    case KillSwitchView::Mode::on_danger:
      break;
  }
  return "on-danger";
}

std::string word_of(KillSwitchView::State state) {
  switch (state) {
    case KillSwitchView::State::off:
      return "off";
    case KillSwitchView::State::armed:
      return "armed";
    case KillSwitchView::State::changed:
      return "changed";
    case KillSwitchView::State::unproven:
      return "unproven";
    case KillSwitchView::State::failed:
      break;
  }
  return "failed";
}

std::string word_of(RulesetView::Verdict verdict) {
  switch (verdict) {
    case RulesetView::Verdict::holds:
      return "holds";
    case RulesetView::Verdict::lets_out:
      return "lets_out";
    case RulesetView::Verdict::undecided:
      break;
  }
  return "undecided";
}

std::string word_of(LargePacketsView::Lost lost) {
  switch (lost) {
    case LargePacketsView::Lost::none:
      return "ok";
    case LargePacketsView::Lost::requests:
      return "lost_requests";
    case LargePacketsView::Lost::answers:
      return "lost_answers";
    case LargePacketsView::Lost::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

LeakReport leak_report(const PacketsView& packets, DestinationDetail detail, const GeoDatabase* database) {
  LeakReport leak;
  leak.counting = packets.counting;
  leak.why = packets.why_not;
  if (packets.since != WallTime{}) leak.since = packets.since;
  const auto& total = packets.total;
  leak.packets = total.packets();
  leak.bytes = total.bytes();
  leak.dns_packets = total.dns.packets;
  leak.v4_packets = total.v4.packets;
  leak.v6_packets = total.v6.packets;
  leak.endpoint_packets = total.endpoint_misuse.packets;
  leak.local_packets = packets.local.packets;
  for (const auto& destination : total.destinations) add(leak.destinations, destination_report(destination, detail, database));
  // A report has room for few: those that most went to.
  std::ranges::stable_sort(leak.destinations, std::greater<>(), &LeakDestinationReport::bytes);
  return leak;
}

EndDetail end_detail(DestinationDetail detail) {
  switch (detail) {
    case DestinationDetail::full:
      return EndDetail::full;
    case DestinationDetail::prefix:
      return EndDetail::network;
    case DestinationDetail::country:
      return EndDetail::port;
    case DestinationDetail::none:
      break;
  }
  return EndDetail::protocol;
}

KillSwitchReport kill_switch_report(const KillSwitchView& kill_switch) {
  return {word_of(kill_switch.mode), word_of(kill_switch.state), kill_switch.why, kill_switch.since, kill_switch.stopped.packets};
}

RulesetReport ruleset_report(const RulesetView& ruleset) { return {word_of(ruleset.verdict), ruleset.changed_by, ruleset.changed_at}; }

BoxedOptional<UdpExitReport> udp_exit_report(const UdpView& udp) {
  UdpExitReport report;
  if (udp.in_v4.address) report.v4 = udp.in_v4.address->to_string();
  if (udp.in_v6.address) report.v6 = udp.in_v6.address->to_string();
  if (!report.v4 && !report.v6) return std::nullopt;
  return report;
}

MtuReport mtu_report(const LargePacketsView& large_packets) { return {word_of(large_packets.lost)}; }

}  // namespace vpn_sentinel
