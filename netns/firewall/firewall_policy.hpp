/// What may leave a namespace outside the tunnel, as a value: leak_meter counts the rest, kill_switch drops it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// IFNAMSIZ with its NUL is 16.
inline constexpr std::size_t most_device_name = 15;

/// A VPN server as the packets to it look.
struct TunnelEndpoint {
  IpAddress address;
  std::uint8_t protocol = 0;  ///< IPPROTO_*; 0: any, and with a port UDP and TCP
  std::uint16_t port = 0;     ///< 0: any
  std::uint32_t mark = 0;     ///< the VPN program's packets have it (SO_MARK); 0: none is asked for
  friend bool operator==(const TunnelEndpoint&, const TunnelEndpoint&) = default;
};

/// Both ends are included.
struct AllowedUids {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const AllowedUids&, const AllowedUids&) = default;
};
struct AllowedPorts {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend bool operator==(const AllowedPorts&, const AllowedPorts&) = default;
};

/// Packets that may bypass the tunnel on purpose: those that have everything that is named here. At least one selector is named.
struct AllowedPackets {
  std::optional<Family> family{};  ///< empty: both
  std::uint32_t mark = 0;          ///< compared under `mark_mask`
  std::uint32_t mark_mask = 0;     ///< 0: marks are not asked for
  std::uint32_t priority = 0;      ///< of the socket (SO_PRIORITY); 0: not asked for
  /// Of the program that made the socket. What the kernel sends for a TCP socket that is closed already has no user: with users named, ends
  /// of connections without a user are allowed too. No beginning of one is.
  std::optional<AllowedUids> uids{};
  std::uint8_t protocol = 0;                        ///< IPPROTO_*; 0: any, and with ports UDP and TCP
  std::optional<AllowedPorts> source_ports{};       ///< of UDP and TCP
  std::optional<AllowedPorts> destination_ports{};  ///< of UDP and TCP
  std::optional<IpPrefix> source{};
  std::optional<IpPrefix> destination{};
  friend bool operator==(const AllowedPackets&, const AllowedPackets&) = default;
};

/// Only a link of this type (ARPHRD_*, linux/if_arp.h) is the tunnel of this name: another one that took the name is not.
struct TunnelType {
  std::string tunnel;
  std::uint16_t type = 0;
  friend bool operator==(const TunnelType&, const TunnelType&) = default;
};

struct FirewallPolicy {
  std::vector<std::string> tunnels;       ///< interface names, 1-16; they need not exist
  std::vector<TunnelEndpoint> endpoints;  ///< at most 64
  std::vector<IpPrefix> local_networks;   ///< may be reached outside (but for DNS); at most 64, see can_be_local()
  std::vector<std::string> uplinks;       ///< devices whose way out is looked at as well (AF_PACKET, forwarded packets); at most 16
  std::vector<AllowedPackets> allowed{};  ///< wherever they go, DNS as well; at most 32
  /// What lies behind the tunnel (its addresses and routes): outside it is outside also where a local network covers it. Of a tunnel
  /// network and a local one that contain each other the longer prefix decides, of equal ones the tunnel. At most 64.
  std::vector<IpPrefix> tunnel_networks{};
  /// Devices that lead to no other machine, as a bridge of containers: what is sent by them is not outside, DNS neither. At most 32.
  std::vector<std::string> inner_devices{};
  /// Subnets of the uplinks: neighbours there are discovered, and DHCP servers spoken to, by their own addresses. At most 64.
  std::vector<IpPrefix> on_link{};
  /// Ethernet types (PPPoE, MACsec) by which uplinks carry other uplinks, whose packets are judged at their own devices. At most 8, none
  /// of them IP.
  std::vector<std::uint16_t> carrying_types{};
  std::vector<TunnelType> tunnel_types{};  ///< of some of the tunnels, each at most once; the others are known by their names alone
  friend bool operator==(const FirewallPolicy&, const FirewallPolicy&) = default;
};

inline constexpr std::size_t most_tunnels = 16;
inline constexpr std::size_t most_endpoints = 64;
inline constexpr std::size_t most_local_networks = 64;
inline constexpr std::size_t most_uplinks = 16;
inline constexpr std::size_t most_allowed = 32;
inline constexpr std::size_t most_tunnel_networks = 64;
inline constexpr std::size_t most_inner_devices = 32;
inline constexpr std::size_t most_on_link = 64;
inline constexpr std::size_t most_carrying_types = 8;
inline constexpr std::size_t most_allowed_rules = 128;  ///< of all together, see rules_for()

/// invalid: which field has which value, and what was expected.
[[nodiscard]] Result<void> check_policy(const FirewallPolicy& policy);

/// At least eight bits long (IPv4) or seven (IPv6), or multicast: whoever takes more for local takes the Internet for it.
[[nodiscard]] bool can_be_local(const IpPrefix& network) noexcept;

/// Users whose number equals `value` under `mask`.
struct UserBlock {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
};
/// The fewest such blocks that make up the range, at most 62: nf_tables keeps users in this machine's order, in which it cannot tell more
/// from less. Empty: the range ends before it begins.
[[nodiscard]] std::vector<UserBlock> blocks_of(const AllowedUids& range);
/// How many rules it takes: one for each block of users, twice that for UDP and TCP.
[[nodiscard]] std::size_t rules_for(const AllowedPackets& allowed);

/// What never goes to the Internet: RFC 1918, 4193 and 6598, link-local, multicast, and the IPv4 broadcast address. The caller adds those
/// of the settings.
[[nodiscard]] std::vector<IpPrefix> standard_local_networks();

/// The part of a table's name that tells two probes apart: 1-32 of a-z, 0-9 and "-". invalid otherwise.
[[nodiscard]] Result<void> check_firewall_id(std::string_view id);

/// An id for a name such as a client id: the name itself when it is one, else what it has of these characters and a sum of all of it.
[[nodiscard]] std::string make_firewall_id(std::string_view name);

}  // namespace vpn_sentinel
