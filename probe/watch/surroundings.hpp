/// What lies around a target's uplinks and behind its tunnel, for the firewall's policy. Pure.
#pragma once

#include "netns/monitor/snapshot.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// Of the snapshot, with `seen`'s uplinks. What is known of the tunnel is that of `last` while the tunnel is not up. Bridges that no other
/// machine hangs on are inner devices, though they have addresses as an uplink has: all their ports lead into this machine (veth, tap),
/// and no gateway is reached by them.
[[nodiscard]] SurroundingsView observe_surroundings(const Snapshot& snapshot, const Link* tunnel, const Observation& seen,
                                                    const SurroundingsView& last);

}  // namespace vpn_sentinel
