/// Requests to rtnetlink as bytes (rtnetlink(7)). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "netns/netlink/route_lookup.hpp"

namespace vpn_sentinel {

/// What can be asked for as a whole, in the order in which it is: routes name next hop objects.
enum class DumpKind : std::uint8_t { links, addresses, next_hop_objects, routes_v4, routes_v6, rules_v4, rules_v6 };
inline constexpr std::size_t dump_kinds = 7;

/// RTM_GETLINK, RTM_GETADDR (both families), RTM_GETNEXTHOP, RTM_GETROUTE or RTM_GETRULE with NLM_F_DUMP.
[[nodiscard]] std::vector<std::byte> dump_request(DumpKind kind, std::uint32_t sequence);
/// RTM_GETLINK of one link.
[[nodiscard]] std::vector<std::byte> link_request(std::uint32_t index, std::uint32_t sequence);
/// RTM_GETROUTE for each question, numbered `first_sequence`, `first_sequence` + 1, …, to be sent as one datagram. Asks for the route as it
/// stands in its table, with all next hops, instead of the one that a packet happened to get.
[[nodiscard]] std::vector<std::byte> route_requests(std::span<const RouteQuestion> questions, std::uint32_t first_sequence);

}  // namespace vpn_sentinel
