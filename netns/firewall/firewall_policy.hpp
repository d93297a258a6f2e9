/// What may leave a namespace outside the tunnel, as a value: leak_meter counts the rest, kill_switch drops it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A VPN server as the packets to it look.
struct TunnelEndpoint {
  IpAddress address;
  std::uint8_t protocol = 0;  ///< IPPROTO_*; 0: any, and with a port UDP and TCP
  std::uint16_t port = 0;     ///< 0: any
  std::uint32_t mark = 0;     ///< the VPN program's packets have it (SO_MARK); 0: none is asked for
  friend bool operator==(const TunnelEndpoint&, const TunnelEndpoint&) = default;
};

struct FirewallPolicy {
  std::vector<std::string> tunnels;       ///< interface names, 1-16; they need not exist
  std::vector<TunnelEndpoint> endpoints;  ///< at most 64
  std::vector<IpPrefix> local_networks;   ///< may be reached outside (but for DNS); at most 64
  std::vector<std::string> uplinks;       ///< devices whose way out is looked at as well (AF_PACKET, forwarded packets); at most 16
  friend bool operator==(const FirewallPolicy&, const FirewallPolicy&) = default;
};

inline constexpr std::size_t most_tunnels = 16;
inline constexpr std::size_t most_endpoints = 64;
inline constexpr std::size_t most_local_networks = 64;
inline constexpr std::size_t most_uplinks = 16;

/// invalid: which field has which value, and what was expected.
[[nodiscard]] Result<void> check_policy(const FirewallPolicy& policy);

/// What never goes to the Internet: RFC 1918, 4193 and 6598, link-local, multicast, and the IPv4 broadcast address. The caller adds those
/// of the settings.
[[nodiscard]] std::vector<IpPrefix> standard_local_networks();

/// The part of a table's name that tells two probes apart: 1-32 of a-z, 0-9 and "-". invalid otherwise.
[[nodiscard]] Result<void> check_firewall_id(std::string_view id);

/// An id for a name such as a client id: the name itself when it is one, else what it has of these characters and a sum of all of it.
[[nodiscard]] std::string make_firewall_id(std::string_view name);

}  // namespace vpn_sentinel
