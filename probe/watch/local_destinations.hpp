/// Which destinations may leave by the uplink: local networks and the VPN servers themselves. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "netns/monitor/snapshot.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// Private (RFC 1918, 4193), shared (6598), link-local, loopback, multicast and reserved ranges; of IPv6 everything but 2000::/3 (RFC 4291,
/// section 2.4: clients such as OpenVPN's "redirect-gateway ipv6" leave the rest alone).
[[nodiscard]] std::span<const IpPrefix> private_ranges();

/// What is public inside private_ranges(): the NAT64 prefixes (RFC 6052, RFC 8215), behind which lies the whole IPv4 Internet.
[[nodiscard]] std::span<const IpPrefix> public_parts();

/// Every prefix that may leave outside the tunnel: private ranges, those of the policy, the uplinks' own connected subnets of the size
/// that a LAN has, own and broadcast addresses, and the host addresses of `endpoints`. Without `endpoints_known` every host route beside
/// the tunnel is taken for the way to the VPN server.
[[nodiscard]] std::vector<IpPrefix> local_prefixes(const Snapshot& snapshot, std::uint32_t tunnel_index, const TargetPolicy& policy,
                                                   bool endpoints_known, std::span<const IpAddress> endpoints);

/// One of the uplinks' own subnets that count as local.
struct ConnectedSubnet {
  IpPrefix prefix;
  std::uint32_t link_index = 0;
  bool is_public = false;  ///< its neighbours have public addresses
  friend bool operator==(const ConnectedSubnet&, const ConnectedSubnet&) = default;
};

/// Connected subnets of the size that a LAN has: /22 or /64 at most; of public ones four per link and family.
[[nodiscard]] std::vector<ConnectedSubnet> connected_subnets(const Snapshot& snapshot);

/// Public addresses of the host routes outside the tunnel: how most VPNs reach their servers.
[[nodiscard]] std::vector<IpAddress> host_route_addresses(const Snapshot& snapshot, std::uint32_t tunnel_index);

}  // namespace vpn_sentinel
