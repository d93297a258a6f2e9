/// As much of everything as a policy may have.
#pragma once

#include <fmt/format.h>

#include "netns/firewall/firewall_policy.hpp"

namespace vpn_sentinel {

inline FirewallPolicy largest_policy() {
  FirewallPolicy policy;
  for (std::size_t i = 0; i < most_tunnels; ++i) policy.tunnels.push_back(fmt::format("a-long-tunnel{:02}", i));
  for (std::size_t i = 0; i < most_uplinks; ++i) policy.uplinks.push_back(fmt::format("a-long-uplink{:02}", i));
  for (std::size_t i = 0; i < most_endpoints; ++i) {
    policy.endpoints.push_back({IpAddress::parse(fmt::format("2001:db8::{:x}", i + 1)).value(), 0, 443, 1});
  }
  for (std::size_t i = 0; i < most_local_networks; ++i) {
    policy.local_networks.push_back(IpPrefix::parse(fmt::format("2001:db8:{:x}::/49", i + 1)).value());
  }
  for (std::size_t i = 0; i < most_tunnel_networks; ++i) {
    policy.tunnel_networks.push_back(IpPrefix::parse(fmt::format("2001:db8:{:x}::/50", i + 1)).value());
  }
  for (std::size_t i = 0; i < most_on_link; ++i)
    policy.on_link.push_back(IpPrefix::parse(fmt::format("2001:db8:{:x}::/51", i + 1)).value());
  for (std::size_t i = 0; i < most_carrying_types; ++i) policy.carrying_types.push_back(static_cast<std::uint16_t>(0x8863 + i));
  for (std::size_t i = 0; i < most_inner_devices; ++i) policy.inner_devices.push_back(fmt::format("an-inner-link{:02}", i));
  for (const auto& tunnel : policy.tunnels) policy.tunnel_types.push_back({tunnel, 65534});
  for (std::size_t i = 0; i < most_allowed; ++i) {
    AllowedPackets allowed;
    allowed.mark = static_cast<std::uint32_t>(i + 1);
    allowed.mark_mask = 0xff;
    allowed.priority = 0x00570001;
    allowed.uids = i == 0 ? AllowedUids{1, 0x40000000} : AllowedUids{0, 0};
    allowed.source = IpPrefix::parse("2001:db8::/33").value();
    allowed.source_ports = AllowedPorts{1, 2};
    allowed.destination_ports = AllowedPorts{1, 2};
    policy.allowed.push_back(allowed);
  }
  return policy;
}

}  // namespace vpn_sentinel
