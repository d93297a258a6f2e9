/// Which packets have to be sent so that every way a packet can take is tried: one address of each region that the routes and rules
/// distinguish, times one process of each kind that the rules distinguish. Pure.
///
/// Left out, because no look-up for "ordinary processes" can be expected to tell: sockets bound to a device or to an address that
/// is not the namespace's (IP_FREEBIND); forwarded packets; AF_PACKET. IPv6 outside 2000::/3 and the NAT64 prefix is not the Internet.
/// Sockets bound to one of the namespace's addresses ask for its way: the probe tells of them and does not call it a leak.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/property/operation.hpp"

namespace vpn_sentinel::property {

/// One kind of process and socket.
struct Flow {
  std::uint32_t mark = 0;
  std::uint32_t uid = 0;
  std::uint8_t tos = 0;        ///< IP_TOS or IPV6_TCLASS
  std::uint8_t protocol = 17;  ///< IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP or IPPROTO_ICMPV6
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<IpAddress> source;  ///< bound to it; absent: the kernel chooses

  [[nodiscard]] std::string to_string() const;
};

struct Destination {
  IpAddress address;
  bool multipath = false;  ///< several flows are needed, because each may take another leg
};

struct FlowSpace {
  std::vector<Destination> destinations;
  std::vector<Flow> ordinary;  ///< none of these may leave by the uplink
  std::vector<Flow> doubtful;  ///< bound to an own address, or with a mark that may or may not be the VPN's own
};

/// The uplink's and the tunnel's fixed properties.
struct Fixture {
  static constexpr const char* uplink = "eth0";
  static constexpr const char* tunnel = "tun0";
  static constexpr std::uint32_t tunnel_table = 51820;
  static IpAddress endpoint();
};

/// Destinations that nobody calls a leak: private and special ranges, and everything of IPv6 that is not the Internet.
[[nodiscard]] const std::vector<IpPrefix>& special_ranges();

/// Inside the special ranges, and a leak all the same (NAT64, RFC 6052 and 8215): the IPv4 Internet lies behind it.
[[nodiscard]] bool is_nat64(const IpAddress& address);

[[nodiscard]] FlowSpace flow_space(const Model& model, Family family);

}  // namespace vpn_sentinel::property
