/// From what was seen and answered to the input of the DNS decision table, and from its outcome to what is told. No I/O but look-ups.
#pragma once

#include <vector>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/checks/dns_verdict.hpp"
#include "probe/checks/egress_check.hpp"
#include "probe/checks/resolver_path.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// By which way packets to port 53 of `servers` go now. Without a loopback address or a zone the kernel is asked, 2-3 µs for each.
[[nodiscard]] std::vector<ResolverView> resolver_ways(const std::vector<NameServer>& servers, const Snapshot& snapshot,
                                                      std::uint32_t tunnel_index, const TargetPolicy& policy, RouteLookup& look_up);

/// `path` and `answer` as they are known; the exit and whoami come from `seen`, which has its tunnel.
[[nodiscard]] DnsFacts gather_dns_facts(const Result<ResolverPath>& path, const EgressAnswer& answer, const Observation& seen,
                                        const Snapshot& snapshot, const TargetPolicy& policy, RouteLookup& look_up);

[[nodiscard]] DnsView make_dns_view(const DnsFacts& facts, const DnsDecision& decision, const Result<ResolverPath>& path,
                                    const EgressAnswer& answer);

}  // namespace vpn_sentinel
