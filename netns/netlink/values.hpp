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
  friend bool operator==(const Route&, const Route&) = default;
};

/// RTM_NEWRULE.
struct Rule {
  Family family = Family::v4;
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  std::uint8_t action = 0;  ///< FR_ACT_TO_TBL 1, FR_ACT_GOTO 2, FR_ACT_BLACKHOLE 6, …
  std::uint32_t flags = 0;  ///< FIB_RULE_INVERT 2, …
  std::optional<IpPrefix> source;
  std::optional<IpPrefix> destination;
  std::uint32_t fwmark = 0;
  std::uint32_t fwmask = 0;
  std::string input_interface;
  std::string output_interface;
  std::int32_t suppress_prefix_length = -1;  ///< FRA_SUPPRESS_PREFIXLEN; -1: none
  friend bool operator==(const Rule&, const Rule&) = default;
};

}  // namespace vpn_sentinel
