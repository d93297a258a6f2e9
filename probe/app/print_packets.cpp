#include "probe/app/print_packets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "probe/app/print_layers.hpp"
#include "probe/verdict/packet_findings.hpp"

namespace vpn_sentinel {
namespace {

std::string outside_text(const OutsideTraffic& leak, const std::optional<WallTime>& noticed) {
  auto text = fmt::format("{} outside the tunnel, {} bytes", leak.packets(), leak.bytes());
  if (noticed) text += ", noticed " + to_rfc3339(*noticed);
  const auto tell = [&](const char* what, const TrafficView& part) {
    if (part.packets > 0) text += fmt::format(", {} {}", part.packets, what);
  };
  tell("DNS", leak.dns);
  tell("IPv4", leak.v4);
  tell("IPv6", leak.v6);
  tell("to the VPN server beside the tunnel", leak.endpoint_misuse);
  tell("frames that are no IP", leak.other);
  return text;
}

std::string counted_text(const PacketsView& packets, WallTime now) {
  if (packets.leak) return outside_text(*packets.leak, packets.leak_since);
  if (packets.unjudged)
    return outside_text(*packets.unjudged, packets.unjudged_since) + "; it is not known yet whether they are the VPN's own";
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(now - packets.since);
  return fmt::format("none outside the tunnel within {}", human_duration(std::max(lasted, std::chrono::milliseconds{0})));
}

}  // namespace

std::string print_packets(const Observation& seen) {
  if (!seen.packets) return {};
  const auto& packets = *seen.packets;
  if (!packets.counting) return packets.why_not.empty() ? std::string() : print_row("packets", "not counted: " + packets.why_not);
  std::vector<std::string> more;
  if (const auto& outside = packets.leak ? packets.leak : packets.unjudged; outside) {
    for (const auto& destination : outside->destinations) more.push_back(destination_text(destination));
  }
  for (const auto& program : packets.programs) more.push_back("sent by " + program_text(program));
  for (const auto& traffic : packets.unattributed)
    more.push_back(fmt::format("sent to {} by a program that is not known: {}", traffic.destination.address.to_string(), traffic.why));
  if (packets.local.packets > 0) more.push_back(fmt::format("{} to local networks, which is allowed", packets.local.packets));
  if (!packets.egress_gap.empty()) more.push_back("what packet sockets send is not seen: " + packets.egress_gap);
  return print_row("packets", counted_text(packets, seen.time)) + print_details(more);
}

}  // namespace vpn_sentinel
