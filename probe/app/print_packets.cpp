#include "probe/app/print_packets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "probe/app/print_layers.hpp"
#include "probe/verdict/packet_findings.hpp"

namespace vpn_sentinel {
namespace {

std::string counted_text(const PacketsView& packets, WallTime now) {
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(now - packets.since);
  const auto counted = human_duration(std::max(lasted, std::chrono::milliseconds{0}));
  if (!packets.leak) return fmt::format("none outside the tunnel within {}", counted);
  const auto& leak = *packets.leak;
  auto text = fmt::format("{} outside the tunnel, {} bytes, noticed {}", leak.packets(), leak.bytes(), to_rfc3339(*packets.leak_since));
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

}  // namespace

std::string print_packets(const Observation& seen) {
  if (!seen.packets) return {};
  const auto& packets = *seen.packets;
  if (!packets.counting) return packets.why_not.empty() ? std::string() : print_row("packets", "not counted: " + packets.why_not);
  std::vector<std::string> more;
  if (packets.leak) {
    for (const auto& destination : packets.leak->destinations) more.push_back(destination_text(destination));
  }
  for (const auto& program : packets.programs) more.push_back("sent by " + program_text(program));
  for (const auto& traffic : packets.unattributed)
    more.push_back(fmt::format("sent to {} by a program that is not known: {}", traffic.destination.address.to_string(), traffic.why));
  if (packets.local.packets > 0) more.push_back(fmt::format("{} to local networks, which is allowed", packets.local.packets));
  if (!packets.egress_gap.empty()) more.push_back("what packet sockets send is not seen: " + packets.egress_gap);
  return print_row("packets", counted_text(packets, seen.time)) + print_details(more);
}

}  // namespace vpn_sentinel
