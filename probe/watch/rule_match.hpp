/// Which packets a policy rule takes (ip-rule(8), linux/fib_rules.h). Pure.
#pragma once

#include <cstdint>

#include "netns/netlink/route_lookup.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

[[nodiscard]] bool is_inverted(const Rule& rule);
/// The kernel takes "mark 0 without mask" for no selector.
[[nodiscard]] bool has_mark(const Rule& rule);
[[nodiscard]] std::uint32_t mask_of(const Rule& rule);

/// Everything but the destination, without the inversion. Packets of local programs come "from" the loopback interface.
[[nodiscard]] bool selects(const Rule& rule, const Flow& flow);
/// Whether the selectors of `rule`, with its inversion, take a packet of `flow` to `destination`.
[[nodiscard]] bool applies(const Rule& rule, const Flow& flow, const IpAddress& destination);

/// Whether it tells packets apart by more than where they go.
[[nodiscard]] bool tells_apart(const Rule& rule);
/// RTM_GETROUTE takes UDP, TCP and ICMP only, and this program knows what it knows.
[[nodiscard]] bool can_be_asked(const Rule& rule);

}  // namespace vpn_sentinel
