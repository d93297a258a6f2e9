/// One look at a namespace: the snapshot's tunnel and uplink, and the kernel's answer for every planned address.
#pragma once

#include <optional>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {

/// What earlier looks taught; kept by the owner for the life of a target.
struct Learnt {
  LearntTunnel tunnel;
  bool had_uplink = false;                 ///< an interface outside the tunnel was seen with an address
  std::optional<MonoTime> uplink_lost_at;  ///< since then no uplink works
};

/// Kernel facts only; liveness and check results are added by the caller. Updates `learnt`.
[[nodiscard]] Observation observe(const Snapshot& snapshot, RouteLookup& look_up, const TargetPolicy& policy, Learnt& learnt);

}  // namespace vpn_sentinel
