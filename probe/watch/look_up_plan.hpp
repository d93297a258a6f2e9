/// Which questions the kernel is asked: for every part of the address space that routes split and for every kind of packet that rules
/// tell apart (TunnelVision: a more specific route pushed by DHCP; a rule for one user). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/watch/flow_classes.hpp"
#include "probe/watch/local_destinations.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// At most this many questions are asked in one look, about 3 ms; an ordinary namespace needs 13 to 60.
inline constexpr std::size_t most_questions = 2048;

struct LookUpPlan {
  /// What answers[i] will be about.
  struct Meaning {
    std::size_t flow = 0;        ///< into `flows`
    bool representative = true;  ///< for the whole Internet; else for the region of one route
  };
  std::vector<RouteQuestion> questions;
  std::vector<Meaning> meanings;
  std::vector<FlowClass> flows;  ///< the first is the ordinary one
  std::vector<std::string> unasked_rules;
  std::vector<ConnectedSubnet> public_subnets;  ///< of uplinks: not asked about, because they count as local without being configured
  std::size_t not_asked = 0;                    ///< questions beyond the bound, at least
};

struct PlanInput {
  const Snapshot& snapshot;
  const TargetPolicy& policy;
  std::uint32_t tunnel_index = 0;    ///< 0: no tunnel
  bool endpoints_known = false;      ///< false: every host route beside the tunnel is taken for the way to the VPN server
  std::vector<IpAddress> endpoints;  ///< of the VPN servers
  std::vector<MarkMatch> own_marks;  ///< what the VPN is known to put on its own packets
  bool marks_told = false;           ///< by the VPN itself: what rules spare does not count then
  std::size_t round = 0;             ///< which share is asked when there are too many questions
};

/// Addresses that nobody has a reason to route one by one: two in each quarter of IPv4, because redirect-gateway def1 splits in halves and
/// an injected route may split further, three of 2000::/3, and two behind NAT64 (RFC 6052, RFC 8215). Nothing is ever sent to them.
[[nodiscard]] const std::vector<IpAddress>& public_addresses();

[[nodiscard]] LookUpPlan plan_look_ups(const PlanInput& input);

}  // namespace vpn_sentinel
