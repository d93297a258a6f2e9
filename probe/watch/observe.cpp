#include "probe/watch/observe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probe/watch/look_up_plan.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

bool has_global_address(const Snapshot& snapshot, std::uint32_t index) {
  return std::ranges::any_of(snapshot.addresses,
                             [&](const InterfaceAddress& item) { return item.link_index == index && !item.address.is_link_local(); });
}

/// Interfaces by which the tunnel's own packets could travel.
bool is_uplink(const Snapshot& snapshot, const Link& link, const Link* tunnel) {
  const bool is_this_tunnel = tunnel && link.index == tunnel->index;
  return !link.is_loopback() && !is_this_tunnel && !looks_like_tunnel(link) && has_global_address(snapshot, link.index);
}

void observe_uplinks(const Snapshot& snapshot, const Link* tunnel, Learnt& learnt, Observation& seen) {
  bool any_works = false;
  for (const auto& link : snapshot.links) {
    if (!is_uplink(snapshot, link, tunnel)) continue;
    seen.uplinks.push_back(link.name);
    any_works = any_works || (link.is_up() && link.carrier.value_or(true));
  }
  // Without any uplink from the start the tunnel's packets travel in another namespace (WireGuard moved in): nothing is lost then.
  seen.uplink_lost = !any_works && (learnt.had_uplink || !seen.uplinks.empty());
  learnt.had_uplink = learnt.had_uplink || any_works;
  if (!seen.uplink_lost) {
    learnt.uplink_lost_at.reset();
  } else if (!learnt.uplink_lost_at) {
    learnt.uplink_lost_at = mono_now();
  }
  if (learnt.uplink_lost_at)
    seen.uplink_lost_for = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - *learnt.uplink_lost_at);
}

/// Where public addresses go now, to tell the tunnel from other interfaces of its kind.
std::uint32_t routed_index(RouteLookup& look_up, const Snapshot& snapshot, const TargetPolicy& policy) {
  const auto plan = plan_look_ups(snapshot, 0, policy);
  const std::array<IpAddress, 1> first{plan.front().destination};
  const auto answers = look_up.look_up(first);
  return !answers.empty() && answers.front() && answers.front()->kind == RouteAnswer::Kind::device ? answers.front()->link_index : 0;
}

bool is_tunnel(const Link& link, const Link* tunnel, const TargetPolicy& policy) {
  return (tunnel && link.index == tunnel->index) || matches_any(link.name, policy.tunnels);
}

Way way_of(const RouteAnswer& answer, const Snapshot& snapshot, const Link* tunnel, const TargetPolicy& policy) {
  switch (answer.kind) {
    case RouteAnswer::Kind::device: {
      const auto* const link = snapshot.find_link(answer.link_index);
      // A device that the snapshot does not know yet is no known tunnel: outside until the next look.
      if (!link) return Way{Way::Kind::outside, fmt::format("if{}", answer.link_index), answer.gateway, {}};
      if (link->is_loopback()) return Way{Way::Kind::local, link->name, {}, {}};
      if (!is_tunnel(*link, tunnel, policy)) return Way{Way::Kind::outside, link->name, answer.gateway, {}};
      // The routes of a persistent tun outlive the program that owned it; what they take is dropped (kernel.md, rule 6).
      if (link->is_up() && !link->carrier.value_or(true)) return Way{Way::Kind::nowhere, {}, {}, "tunnel without carrier"};
      return Way{Way::Kind::tunnel, link->name, answer.gateway, {}};
    }
    case RouteAnswer::Kind::local:
      return Way{Way::Kind::local, "lo", {}, {}};
    case RouteAnswer::Kind::blackhole:
      return Way{Way::Kind::nowhere, {}, {}, "blackhole"};
    case RouteAnswer::Kind::prohibit:
      return Way{Way::Kind::nowhere, {}, {}, "prohibit"};
    case RouteAnswer::Kind::unreachable:
      break;
  }
  return Way{Way::Kind::nowhere, {}, {}, "unreachable"};
}

void observe_routes(const Snapshot& snapshot, RouteLookup& look_up, const Link* tunnel, const TargetPolicy& policy, Observation& seen) {
  const auto plan = plan_look_ups(snapshot, tunnel ? tunnel->index : 0, policy);
  std::vector<IpAddress> destinations;
  destinations.reserve(plan.size());
  for (const auto& item : plan) destinations.push_back(item.destination);
  const auto answers = look_up.look_up(destinations);
  seen.look_ups.reserve(plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    // A missing answer must not look like a missing route.
    if (i >= answers.size()) {
      seen.look_ups.push_back({plan[i].destination, plan[i].reason, fail(Error::Kind::failed, "no answer from the kernel")});
    } else if (!answers[i]) {
      seen.look_ups.push_back({plan[i].destination, plan[i].reason, fail(answers[i].error())});
    } else {
      seen.look_ups.push_back({plan[i].destination, plan[i].reason, way_of(*answers[i], snapshot, tunnel, policy)});
    }
  }
}

}  // namespace

Observation observe(const Snapshot& snapshot, RouteLookup& look_up, const TargetPolicy& policy, Learnt& learnt) {
  Observation seen;
  seen.time = wall_now();
  const bool known = std::ranges::any_of(snapshot.links, [&](const Link& link) { return learnt.tunnel.is(link); });
  const auto routed = policy.tunnels.empty() && !known ? routed_index(look_up, snapshot, policy) : 0;
  const auto* const tunnel = find_tunnel(snapshot, policy.tunnels, learnt.tunnel, routed);
  if (tunnel) {
    // Among several tunnels only the one that carries public addresses is the VPN; a name from the settings needs no proof.
    if (tunnel->index == routed || !policy.tunnels.empty()) learnt.tunnel = LearntTunnel{tunnel->name, tunnel->kind};
    const bool up = tunnel->is_up() && tunnel->carrier.value_or(true);
    seen.tunnel = TunnelView{tunnel->name, tunnel->kind, tunnel->index, up, tunnel->carrier, has_global_address(snapshot, tunnel->index)};
  }
  seen.expected_tunnel = learnt.tunnel.name.empty() && !policy.tunnels.empty() ? policy.tunnels.front() : learnt.tunnel.name;
  observe_uplinks(snapshot, tunnel, learnt, seen);
  observe_routes(snapshot, look_up, tunnel, policy, seen);
  return seen;
}

}  // namespace vpn_sentinel
