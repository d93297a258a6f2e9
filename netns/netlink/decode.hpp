/// Bytes of the kernel to values (rtnetlink(7)). Pure. `payload` is what follows struct nlmsghdr. Unknown attributes are skipped; an
/// attribute with a wrong size counts as absent. An Error (kind invalid) means that the message is not of this kind, is about something
/// else (a bridge port, MPLS, multicast routing) or lacks what the value cannot be without: the caller skips it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// RTM_NEWLINK, RTM_DELLINK. Wireless events (IFLA_WIRELESS), which carry half a link, are an Error.
[[nodiscard]] Result<Link> decode_link(std::span<const std::byte> payload);
/// RTM_NEWADDR, RTM_DELADDR.
[[nodiscard]] Result<InterfaceAddress> decode_address(std::span<const std::byte> payload);
/// RTM_NEWROUTE, RTM_DELROUTE.
[[nodiscard]] Result<Route> decode_route(std::span<const std::byte> payload);
/// The same into a `route` that is new, without a copy: full tables have many. What it holds after an Error is of no use.
[[nodiscard]] std::optional<Error> decode_route(std::span<const std::byte> payload, Route& route);
/// RTM_NEWRULE, RTM_DELRULE. Here an unknown or damaged attribute is not skipped without a trace: it sets `has_unknown`.
[[nodiscard]] Result<Rule> decode_rule(std::span<const std::byte> payload);

/// RTM_NEWNEXTHOP, RTM_DELNEXTHOP.
[[nodiscard]] Result<NextHopObject> decode_next_hop_object(std::span<const std::byte> payload);
/// RTM_DELLINK only: the link lives on in another network namespace (IFLA_NEW_NETNSID, Linux 4.15).
[[nodiscard]] bool tells_move_to_namespace(std::span<const std::byte> payload);

/// Options of router advertisements that concern name resolution (RFC 8106).
inline constexpr std::uint8_t option_dns_servers = 25;
inline constexpr std::uint8_t option_dns_search = 31;

/// A router advertisement's option that the kernel passes on (RTM_NEWNDUSEROPT).
struct RouterOption {
  std::uint32_t link_index = 0;
  std::uint8_t option = 0;
  std::optional<IpAddress> router{};        ///< NDUSEROPT_SRCADDR: who sent it
  std::vector<IpAddress> servers{};         ///< of option 25
  std::optional<std::uint32_t> lifetime{};  ///< of option 25, in seconds; 0: no longer to be used
  friend bool operator==(const RouterOption&, const RouterOption&) = default;
};
[[nodiscard]] Result<RouterOption> decode_router_option(std::span<const std::byte> payload);

/// A prefix that a router advertised (RTM_NEWPREFIX): addresses and a route of it follow, perhaps seconds later.
struct AdvertisedPrefix {
  std::uint32_t link_index = 0;
  IpPrefix prefix;
  friend bool operator==(const AdvertisedPrefix&, const AdvertisedPrefix&) = default;
};
[[nodiscard]] Result<AdvertisedPrefix> decode_advertised_prefix(std::span<const std::byte> payload);

/// The code of NLMSG_ERROR as a positive errno value; 0: an acknowledgement. Also for NLMSG_DONE, which carries the same int.
[[nodiscard]] Result<int> decode_error_code(std::span<const std::byte> payload);

/// The reply to RTM_GETROUTE: RTM_NEWROUTE or NLMSG_ERROR. Codes by which the kernel says "no route" are answers, all others Errors.
[[nodiscard]] Result<RouteAnswer> decode_route_answer(const NetlinkMessage& message);

}  // namespace vpn_sentinel
