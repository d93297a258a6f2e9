/// Which addresses the kernel is asked about: representatives of the public address space, and of every route that could let a part of
/// it out beside the tunnel (TunnelVision: a more specific route pushed by DHCP). Pure.
#pragma once

#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/monitor/snapshot.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

struct PlannedLookUp {
  IpAddress destination;
  std::string reason;  ///< "public", or the route that it stands for: "route 0.0.0.0/2 dev eth0"
  friend bool operator==(const PlannedLookUp&, const PlannedLookUp&) = default;
};

/// At most this many routes are represented; full routing tables are sampled by the public addresses.
inline constexpr std::size_t most_route_look_ups = 64;

/// Private (RFC 1918, 4193), shared (6598), link-local, loopback and multicast ranges and `configured`: may leave by the uplink.
[[nodiscard]] bool is_local_destination(const IpPrefix& prefix, const std::vector<IpPrefix>& configured);

/// Two addresses of each quarter of the IPv4 space, three of 2000::/3, and one for each public, non-host route that is not on
/// `tunnel_index` (0: no tunnel). Nothing is ever sent to them.
[[nodiscard]] std::vector<PlannedLookUp> plan_look_ups(const Snapshot& snapshot, std::uint32_t tunnel_index, const TargetPolicy& policy);

}  // namespace vpn_sentinel
