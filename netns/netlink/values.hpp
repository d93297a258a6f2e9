/// What rtnetlink says about a namespace, as plain values (rtnetlink(7), linux/rtnetlink.h, linux/if_link.h, linux/fib_rules.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// RTM_NEWLINK.
struct Link {
  std::uint32_t index = 0;
  std::string name;             ///< IFLA_IFNAME, at most 15 bytes
  std::string kind;             ///< IFLA_INFO_KIND: "tun", "wireguard", "veth", …; empty when the driver has none
  std::uint16_t type = 0;       ///< ARPHRD_*: 772 loopback, 65534 none (tun, wireguard)
  std::uint32_t flags = 0;      ///< IFF_*
  std::uint8_t operstate = 0;   ///< IF_OPER_*; a healthy tun is UNKNOWN (0), never UP
  std::optional<bool> carrier;  ///< IFLA_CARRIER
  std::uint32_t mtu = 0;        ///< bytes
  std::uint64_t rx_bytes = 0;   ///< IFLA_STATS64
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint32_t master = 0;  ///< IFLA_MASTER: index of the bridge, bond or VRF that this link belongs to; 0: none
  std::string master_kind;   ///< IFLA_INFO_SLAVE_KIND: "bridge", "vrf", …
  std::uint32_t group = 0;   ///< IFLA_GROUP, for the rule selector suppress_ifgroup

  [[nodiscard]] bool is_up() const noexcept;        ///< IFF_UP: the administrator's switch
  [[nodiscard]] bool is_loopback() const noexcept;  ///< IFF_LOOPBACK
  friend bool operator==(const Link&, const Link&) = default;
};

/// RTM_NEWADDR.
struct InterfaceAddress {
  std::uint32_t link_index = 0;
  IpAddress address;  ///< IFA_LOCAL, else IFA_ADDRESS
  std::uint8_t prefix_length = 0;
  std::uint8_t scope = 0;   ///< RT_SCOPE_*
  std::uint32_t flags = 0;  ///< IFA_F_*
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// One next hop; a route without RTA_MULTIPATH has one or none.
struct NextHop {
  std::uint32_t link_index = 0;  ///< 0: none (unreachable, blackhole, …)
  std::optional<IpAddress> gateway;
  std::uint8_t flags = 0;   ///< RTNH_F_* (RTNH_F_DEAD, RTNH_F_LINKDOWN: not used by the kernel)
  std::uint8_t weight = 0;  ///< rtnh_hops: share of the packets minus one
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

/// RTM_NEWROUTE.
struct Route {
  Family family = Family::v4;
  IpPrefix destination;
  std::uint32_t table = 0;    ///< RTA_TABLE, else rtm_table; 254 main, 255 local
  std::uint8_t protocol = 0;  ///< RTPROT_*
  std::uint8_t scope = 0;
  std::uint8_t type = 0;     ///< RTN_UNICAST 1, RTN_BLACKHOLE 6, RTN_UNREACHABLE 7, RTN_PROHIBIT 8, …
  std::uint32_t metric = 0;  ///< RTA_PRIORITY
  std::uint32_t flags = 0;   ///< RTM_F_* (RTM_F_CLONED marks a cache entry)
  std::vector<NextHop> next_hops;
  std::uint8_t preference = 0;                    ///< RTA_PREF of a router advertisement (RFC 4191): 0 medium, 1 high, 3 low
  std::uint32_t next_hop_id = 0;                  ///< RTA_NH_ID; 0: none. With net.ipv4.nexthop_compat_mode=0 `next_hops` is then empty
  std::uint8_t tos = 0;                           ///< rtm_tos: only for packets of this type of service; 0: any
  std::optional<IpPrefix> source = std::nullopt;  ///< IPv6 only: for packets from these addresses (CONFIG_IPV6_SUBTREES)
  friend bool operator==(const Route&, const Route&) = default;
};

/// A next hop object (RTM_NEWNEXTHOP, ip-nexthop(8), Linux 5.3): routes name it by RTA_NH_ID.
struct NextHopObject {
  std::uint32_t id = 0;
  std::uint8_t family = 0;            ///< AF_*; AF_UNSPEC for groups and blackholes
  std::uint8_t protocol = 0;          ///< RTPROT_*
  bool blackhole = false;             ///< NHA_BLACKHOLE
  NextHop hop;                        ///< unused by a group
  std::vector<std::uint32_t> group;   ///< NHA_GROUP: ids of its members; empty: no group
  std::vector<std::uint8_t> weights;  ///< of the members, like NextHop::weight
  friend bool operator==(const NextHopObject&, const NextHopObject&) = default;
};

/// struct fib_rule_port_range, both ends included.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// struct fib_rule_uid_range, both ends included.
struct UidRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const UidRange&, const UidRange&) = default;
};

/// RTM_NEWRULE. An absent selector matches everything.
struct Rule {
  Family family = Family::v4;
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  std::uint8_t action = 0;    ///< FR_ACT_TO_TBL 1, FR_ACT_GOTO 2, FR_ACT_NOP 3, FR_ACT_BLACKHOLE 6, FR_ACT_UNREACHABLE 7, FR_ACT_PROHIBIT 8
  std::uint32_t flags = 0;    ///< FIB_RULE_INVERT 2, …; without those that the kernel changes silently
  std::uint8_t protocol = 0;  ///< FRA_PROTOCOL, RTPROT_*: who made the rule
  std::uint32_t go_to = 0;    ///< FRA_GOTO: priority of the rule to go on with
  std::optional<IpPrefix> source;
  std::optional<IpPrefix> destination;
  std::uint8_t tos = 0;
  std::uint32_t fwmark = 0;
  std::uint32_t fwmask = 0;
  std::string input_interface;
  std::string output_interface;
  std::optional<UidRange> uids;
  std::uint8_t ip_protocol = 0;  ///< FRA_IP_PROTO, IPPROTO_*; 0: any
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;
  bool l3mdev = false;                       ///< FRA_L3MDEV: the table is that of the packet's VRF
  std::uint64_t tunnel_id = 0;               ///< FRA_TUN_ID; 0: none
  std::uint32_t realms = 0;                  ///< FRA_FLOW
  std::int32_t suppress_prefix_length = -1;  ///< FRA_SUPPRESS_PREFIXLEN; -1: none
  std::int32_t suppress_group = -1;          ///< FRA_SUPPRESS_IFGROUP; -1: none
  /// A selector, flag or action that is not among these fields, or a damaged one: whom the rule concerns is not known.
  bool has_unknown = false;
  friend bool operator==(const Rule&, const Rule&) = default;
};

}  // namespace vpn_sentinel
