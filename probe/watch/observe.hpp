/// One look at a namespace: the snapshot's tunnel and uplink, and the kernel's answer for every planned question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/look_up_planner.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {

/// What earlier looks taught; kept by the owner for the life of a target.
struct Learnt {
  LearntTunnel tunnel;
  bool had_uplink = false;                 ///< an interface outside the tunnel was seen with an address
  std::optional<MonoTime> uplink_lost_at;  ///< since then no uplink works
  LookUpPlanner planner;
  std::string replaced;  ///< the last change of the tunnel's name or kind, in words
  std::optional<MonoTime> replaced_at;

  std::vector<EndpointView> told_endpoints;  ///< by WireGuard or the sockets of the VPN's program; set by the owner
  std::vector<MarkMatch> told_marks;         ///< WireGuard's fwmark; set by the owner
  std::vector<MarkMatch> seen_marks;         ///< that exempted packets from the tunnel's table while it carried
  std::vector<IpAddress> host_routes;        ///< that were there when the tunnel began to carry
  std::vector<IpAddress> strangers;          ///< host routes that came while it carried: never taken for servers later
  std::optional<MonoTime> carries_since;
  SurroundingsView surroundings;

  void forget_told() {
    told_endpoints.clear();
    told_marks.clear();
  }
  /// Another namespace has its own host routes and marks; the tunnel's name stays what is expected.
  void forget_network() {
    forget_told();
    seen_marks.clear();
    host_routes.clear();
    strangers.clear();
    carries_since.reset();
    surroundings = {};
    planner = {};
  }
};

/// The link by which a public address goes now, to tell the tunnel from other interfaces of its kind; 0: none.
[[nodiscard]] Result<std::uint32_t> routed_index(RouteLookup& look_up);

/// Whether it takes packets: switched on, and not without carrier. A tun has none once its program has ended.
[[nodiscard]] bool takes_packets(const Link& link);

/// Kernel facts only; liveness and check results are added by the caller. `generation` is the snapshot's, 0 when it has none. Updates
/// `learnt`.
[[nodiscard]] Observation observe(const Snapshot& snapshot, std::uint64_t generation, RouteLookup& look_up, const TargetPolicy& policy,
                                  Learnt& learnt);

}  // namespace vpn_sentinel
