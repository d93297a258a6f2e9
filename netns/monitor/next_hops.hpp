/// The next hops of routes that name a next hop object (ip-nexthop(8)): with net.ipv4.nexthop_compat_mode=0 the kernel tells only the
/// object's id, and moves the routes with the object without a message of theirs. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "netns/monitor/snapshot.hpp"

namespace vpn_sentinel {

/// Equal but for their flags, which the kernel changes without a message.
[[nodiscard]] bool is_same_path(const std::vector<NextHop>& a, const std::vector<NextHop>& b) noexcept;

/// Gives `route` the next hops of its object. False: it had them already, or names no object of `snapshot`.
bool resolve_next_hops(const Snapshot& snapshot, Route& route);

/// The same for a route as the kernel told it: next hops that came with it are left, but for those of a blackhole, which are only "lo".
void complete_next_hops(const Snapshot& snapshot, Route& route);

/// What the kernel does without a message when a link goes down: its objects are gone, also out of groups, and so are groups without
/// members. False: nothing was there to go.
bool flush_next_hop_objects(std::vector<NextHopObject>& objects, std::uint32_t link_index);

}  // namespace vpn_sentinel
