#include "probe/watch/observe.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "netns/monitor/describe.hpp"
#include "probe/watch/allowing_settings.hpp"
#include "probe/watch/local_destinations.hpp"
#include "probe/watch/rule_match.hpp"
#include "probe/watch/surroundings.hpp"

namespace vpn_sentinel {
namespace {

/// Clients make their host route before the routes into the tunnel, and the bursts of one restart are over long before.
constexpr std::chrono::seconds routes_settle{2};
constexpr std::size_t most_strangers = 256;
/// Links that answers name before their messages were read, for which the kernel is asked in one look: 2 µs each.
constexpr std::size_t most_unread_links = 8;
/// How long a change of the tunnel's name is told.
constexpr std::chrono::minutes replacement_is_news{5};

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
    any_works = any_works || takes_packets(link);
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

/// A container that is made anew gets another namespace, and who shared the old one stays there: the engine takes its interfaces away.
bool is_abandoned(const Snapshot& snapshot, const TargetPolicy& policy, const Learnt& learnt, const Observation& seen) {
  // The kernel puts devices of its own into every namespace, which are down (sit0, ip6tnl0).
  const auto is_left = [](const Link& link) { return !link.is_loopback() && (link.is_up() || link.type == ARPHRD_ETHER); };
  return policy.netns.kind == NamespaceRef::Kind::self && learnt.had_uplink && !seen.tunnel &&
         std::ranges::none_of(snapshot.links, is_left);
}

/// What one look needs to know about each answer.
class Looker {
 public:
  Looker(const Snapshot& snapshot, const Link* tunnel, const TargetPolicy& policy, const Learnt& learnt, RouteLookup& kernel,
         Observation& seen)
      : snapshot_(snapshot), tunnel_(tunnel), policy_(policy), learnt_(learnt), kernel_(kernel), seen_(seen) {}

  void take(const LookUpPlan& plan, const std::vector<Result<RouteAnswer>>& answers) {
    for (const auto& flow : plan.flows) seen_.flows.push_back({flow.whom, flow.selector, flow.bound});
    seen_.look_ups.reserve(plan.questions.size());
    for (std::size_t i = 0; i < plan.questions.size(); ++i) {
      const auto& meaning = plan.meanings[i];
      const LookUp made{plan.questions[i].destination, meaning.flow, Way{}, meaning.representative, 1, {}};
      // A missing answer must not look like a missing route.
      if (i >= answers.size()) {
        fail_one(made, Error{Error::Kind::failed, "no answer from the kernel"});
      } else if (!answers[i]) {
        fail_one(made, answers[i].error());
      } else {
        const auto before = seen_.look_ups.size();
        take_answer(made, *answers[i], plan.flows[meaning.flow]);
        const auto is_outside = [](const LookUp& leg) { return leg.way && leg.way->kind == Way::Kind::outside; };
        if (std::any_of(seen_.look_ups.begin() + static_cast<std::ptrdiff_t>(before), seen_.look_ups.end(), is_outside))
          outside_.push_back(i);
      }
    }
  }

  /// Questions that were answered with a way outside.
  [[nodiscard]] const std::vector<std::size_t>& outside() const noexcept { return outside_; }

  /// The tunnel that an answer named before its message was read; null: none.
  [[nodiscard]] const Link* unread_tunnel() const {
    const auto found = std::ranges::find_if(unread_, [&](const auto& item) { return item.second && is_tunnel(*item.second); });
    return found == unread_.end() ? nullptr : &*found->second;
  }

 private:
  void fail_one(LookUp made, const Error& error) {
    made.way = fail(error);
    seen_.look_ups.push_back(std::move(made));
  }

  void take_answer(LookUp made, const RouteAnswer& answer, const FlowClass& flow) {
    if (answer.kind != RouteAnswer::Kind::device) {
      made.way = way_without_device(answer.kind);
      seen_.look_ups.push_back(std::move(made));
      return;
    }
    const auto hops = next_hops_of(answer.route);
    if (hops.empty()) return fail_one(std::move(made), Error{Error::Kind::failed, "the kernel named a route without a next hop"});
    made.legs = static_cast<unsigned>(hops.size());
    for (const auto& hop : hops) {
      auto leg = made;
      leg.way = way_by(hop, answer.route);
      if (leg.way->kind == Way::Kind::outside && !flow.whom.empty()) {
        if (std::ranges::find(policy_.allow_tables, answer.route.table) != policy_.allow_tables.end()) continue;
        leg.rule = rule_of(flow.flow, made.destination, answer.route.table);
        leg.allow = allowing_settings(snapshot_.rules, made.destination.family(), flow.flow, answer.route.table);
      }
      seen_.look_ups.push_back(std::move(leg));
    }
  }

  static Way way_without_device(RouteAnswer::Kind kind) {
    switch (kind) {
      case RouteAnswer::Kind::local:
        return Way{Way::Kind::local, "lo", {}, {}, {}};
      case RouteAnswer::Kind::blackhole:
        return Way{Way::Kind::nowhere, {}, {}, "blackhole", {}};
      case RouteAnswer::Kind::prohibit:
        return Way{Way::Kind::nowhere, {}, {}, "prohibit", {}};
      default:
        return Way{Way::Kind::nowhere, {}, {}, "unreachable", {}};
    }
  }

  /// The kernel sends nothing by a dead next hop. Where net.ipv4.nexthop_compat_mode is 0 it names only the object.
  [[nodiscard]] std::vector<NextHop> next_hops_of(const Route& route) const {
    std::vector<NextHop> hops;
    const auto take = [&](const NextHop& hop) {
      if ((hop.flags & RTNH_F_DEAD) == 0) hops.push_back(hop);
    };
    for (const auto& hop : route.next_hops) take(hop);
    if (!route.next_hops.empty() || route.next_hop_id == 0) return hops;
    const auto& objects = snapshot_.next_hop_objects;
    const auto object = std::ranges::find(objects, route.next_hop_id, &NextHopObject::id);
    if (object == objects.end()) return hops;
    if (object->group.empty()) take(object->hop);
    for (const auto id : object->group) {
      const auto member = std::ranges::find(objects, id, &NextHopObject::id);
      if (member != objects.end()) take(member->hop);
    }
    return hops;
  }

  /// Of the snapshot, else the kernel's own answer; null: it could not be had.
  [[nodiscard]] const Link* link_of(std::uint32_t index) {
    if (const auto* const known = snapshot_.find_link(index)) return known;
    auto unread = unread_.find(index);
    if (unread == unread_.end()) {
      if (unread_.size() == most_unread_links) return nullptr;
      const auto link = kernel_.read_link(index);
      unread = unread_.emplace(index, link ? std::optional(*link) : std::nullopt).first;
    }
    return unread->second ? &*unread->second : nullptr;
  }

  [[nodiscard]] Way way_by(const NextHop& hop, const Route& route) {
    const auto* const link = link_of(hop.link_index);
    const RouteView view{route.destination, route.table, route.metric, route.protocol, !hop.gateway};
    // A device that nobody knows is no known tunnel: outside until the next look.
    if (!link) return Way{Way::Kind::outside, fmt::format("if{}", hop.link_index), hop.gateway, {}, view};
    if (link->is_loopback()) return Way{Way::Kind::local, link->name, {}, {}, view};
    if (!is_tunnel(*link)) return Way{Way::Kind::outside, link->name, hop.gateway, {}, view};
    // The routes of a persistent tun outlive the program that owned it; what they take is dropped (kernel.md, rule 6).
    if (link->is_up() && !link->carrier.value_or(true)) return Way{Way::Kind::nowhere, {}, {}, "tunnel without carrier", view};
    return Way{Way::Kind::tunnel, link->name, hop.gateway, {}, view};
  }

  [[nodiscard]] bool is_tunnel(const Link& link) const {
    if (tunnel_ && link.index == tunnel_->index) return true;
    if (policy_.tunnels.empty()) return unread_.contains(link.index) && learnt_.tunnel.is(link);
    return is_named(link, policy_.tunnels) && !is_stranger(link, learnt_.tunnel);
  }

  [[nodiscard]] std::string rule_of(const Flow& flow, const IpAddress& destination, std::uint32_t table) const {
    const auto rule =
        std::ranges::find_if(snapshot_.rules, [&](const Rule& item) { return item.table == table && applies(item, flow, destination); });
    return rule == snapshot_.rules.end() ? std::string() : describe_rule(*rule, "");
  }

  const Snapshot& snapshot_;
  const Link* tunnel_;
  const TargetPolicy& policy_;
  const Learnt& learnt_;
  RouteLookup& kernel_;
  Observation& seen_;
  std::map<std::uint32_t, std::optional<Link>> unread_;  ///< that the snapshot does not have
  std::vector<std::size_t> outside_;
};

TunnelView view_of(const Link& tunnel, const Snapshot& snapshot) {
  return TunnelView{tunnel.name,           tunnel.kind,    tunnel.index,
                    takes_packets(tunnel), tunnel.carrier, has_global_address(snapshot, tunnel.index)};
}

/// Configured endpoints and told ones are certain. Else those host routes count that were there when the tunnel began to carry; one that
/// comes later is nobody's endpoint.
void observe_endpoints(const TargetPolicy& policy, const Learnt& learnt, Observation& seen) {
  for (const auto& server : policy.endpoints) seen.endpoints.push_back({server.address, "configured", server.protocol, server.port});
  seen.endpoints.insert(seen.endpoints.end(), learnt.told_endpoints.begin(), learnt.told_endpoints.end());
  if (!seen.endpoints.empty()) return;
  for (const auto& address : learnt.host_routes) seen.endpoints.push_back({address, "host route"});
}

void observe_routes(const Snapshot& snapshot, std::uint64_t generation, RouteLookup& look_up, const Link* tunnel,
                    const TargetPolicy& policy, Learnt& learnt, Observation& seen) {
  const auto now = mono_now();
  PlanInput input{snapshot, policy, tunnel ? tunnel->index : 0, false, {}, learnt.told_marks, !learnt.told_marks.empty(), 0};
  const bool settled = learnt.carries_since && now - *learnt.carries_since > routes_settle;
  input.endpoints_known = settled || !policy.endpoints.empty() || !learnt.told_endpoints.empty();
  for (const auto& endpoint : seen.endpoints) input.endpoints.push_back(endpoint.address);
  if (!input.endpoints_known) seen.possible_endpoints = host_route_addresses(snapshot, input.tunnel_index);
  if (!input.marks_told) input.own_marks = learnt.seen_marks;
  const auto& plan = learnt.planner.plan(input, generation, now);
  Looker looker{snapshot, tunnel, policy, learnt, look_up, seen};
  looker.take(plan, look_up.look_up(plan.questions));
  learnt.planner.keep_asking(looker.outside());
  // A tunnel that was made anew: the messages about it are on their way, and its routes are there.
  const auto* const renewed = looker.unread_tunnel();
  if (renewed && !(seen.tunnel && seen.tunnel->up)) seen.tunnel = view_of(*renewed, snapshot);
  seen.not_asked = plan.not_asked;
  seen.unasked_rules = plan.unasked_rules;
  for (const auto& subnet : plan.public_subnets) {
    const auto* const link = snapshot.find_link(subnet.link_index);
    if (link) seen.public_subnets.push_back({subnet.prefix, link->name});
  }
}

bool contains(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

/// Which host routes belong to the tunnel is settled a moment after packets began to go by it: clients make them before or just after. One
/// that comes later is a stranger's, and stays it when the tunnel stumbles.
void learn_host_routes(const Snapshot& snapshot, const Observation& seen, Learnt& learnt) {
  const bool carries = seen.tunnel && seen.tunnel->up && std::ranges::any_of(seen.look_ups, [](const LookUp& item) {
                         return item.way && item.way->kind == Way::Kind::tunnel;
                       });
  if (!carries) {
    learnt.carries_since.reset();
    return;
  }
  const auto now = mono_now();
  if (!learnt.carries_since) learnt.carries_since = now;
  auto there = host_route_addresses(snapshot, seen.tunnel->index);
  if (now - *learnt.carries_since <= routes_settle) {
    std::erase_if(there, [&](const IpAddress& address) { return contains(learnt.strangers, address); });
    learnt.host_routes = std::move(there);
    learnt.seen_marks = exempting_marks(snapshot, seen.tunnel->index);
    return;
  }
  for (const auto& address : there) {
    const bool known = contains(learnt.host_routes, address) || contains(learnt.strangers, address);
    if (!known && learnt.strangers.size() < most_strangers) learnt.strangers.push_back(address);
  }
}

bool is_selected_by_packet(const Rule& rule) {
  const bool by_interface = (!rule.input_interface.empty() && rule.input_interface != "lo") || !rule.output_interface.empty();
  return !is_inverted(rule) && rule.tos == 0 && !by_interface && !rule.l3mdev && rule.tunnel_id == 0 && can_be_asked(rule);
}

template <typename Range>
auto as_pair(const std::optional<Range>& range) {
  return range ? std::optional(std::pair(range->first, range->last)) : std::nullopt;
}

/// Only rules that tell packets apart: what takes all packets to an allowed table is no bypass on purpose (see allow_tables).
void observe_allowed_flows(const Snapshot& snapshot, const TargetPolicy& policy, Observation& seen) {
  if (policy.allow_tables.empty()) return;
  for (const auto& rule : snapshot.rules) {
    if (rule.action != FR_ACT_TO_TBL || !tells_apart(rule) ||
        std::ranges::find(policy.allow_tables, rule.table) == policy.allow_tables.end())
      continue;
    if (!is_selected_by_packet(rule)) {
      seen.inexpressible_flows.push_back(describe_rule(rule, ""));
      continue;
    }
    seen.allowed_flows.push_back({rule.family, rule.fwmark, has_mark(rule) ? mask_of(rule) : 0, as_pair(rule.uids), rule.ip_protocol,
                                  as_pair(rule.source_ports), as_pair(rule.destination_ports), rule.source, rule.destination});
  }
}

void observe_other_tunnels(const Snapshot& snapshot, const TargetPolicy& policy, const Learnt& learnt, Observation& seen) {
  for (const auto& link : snapshot.links) {
    const bool is_main = seen.tunnel && seen.tunnel->index == link.index;
    if (!is_main && is_named(link, policy.tunnels) && !is_stranger(link, learnt.tunnel)) seen.other_tunnels.push_back(link.name);
  }
  if (policy.tunnel_rule != TunnelRule::all) return;
  for (const auto& pattern : policy.tunnels) {
    const bool works = std::ranges::any_of(snapshot.links, [&](const Link& link) {
      return is_named(link, {pattern}) && !is_stranger(link, learnt.tunnel) && takes_packets(link) &&
             has_global_address(snapshot, link.index);
    });
    if (!works) seen.other_tunnels_down.push_back(pattern);
  }
}

bool needs_routed_index(const Snapshot& snapshot, const TargetPolicy& policy, const Learnt& learnt) {
  if (policy.tunnels.empty()) return std::ranges::none_of(snapshot.links, [&](const Link& link) { return learnt.tunnel.is(link); });
  return std::ranges::count_if(snapshot.links, [&](const Link& link) { return is_named(link, policy.tunnels); }) > 1;
}

void observe_tunnel(const Snapshot& snapshot, const Link* tunnel, std::uint32_t routed, const TargetPolicy& policy, Learnt& learnt,
                    Observation& seen) {
  const auto stranger = std::ranges::find_if(snapshot.links, [&](const Link& link) { return is_stranger(link, learnt.tunnel); });
  if (stranger != snapshot.links.end()) {
    seen.replaced = replacement_text(learnt.tunnel, *stranger);
    seen.replaced_by_stranger = true;
  }
  if (!tunnel) return;
  const auto replaced = policy.tunnels.empty() ? replacement_text(learnt.tunnel, *tunnel) : std::string();
  if (!replaced.empty()) {
    learnt.replaced = replaced;
    learnt.replaced_at = mono_now();
  }
  if (seen.replaced.empty() && learnt.replaced_at && mono_now() - *learnt.replaced_at < replacement_is_news)
    seen.replaced = learnt.replaced;
  // Among several tunnels only the one that carries public addresses is the VPN; a name from the settings needs no proof.
  const bool proved = tunnel->index == routed || !policy.tunnels.empty() || !learnt.tunnel.name.empty();
  if (proved) learnt.tunnel = LearntTunnel{tunnel->name, tunnel->kind, tunnel->index};
  seen.tunnel = view_of(*tunnel, snapshot);
}

}  // namespace

bool takes_packets(const Link& link) { return link.is_up() && link.carrier.value_or(true); }

Result<std::uint32_t> routed_index(RouteLookup& look_up) {
  const std::array question{RouteQuestion{public_addresses().front(), {}}};
  const auto answers = look_up.look_up(question);
  if (!answers.front()) return fail(answers.front().error());
  const auto& hops = answers.front()->route.next_hops;
  return answers.front()->kind != RouteAnswer::Kind::device || hops.empty() ? 0 : hops.front().link_index;
}

Observation observe(const Snapshot& snapshot, std::uint64_t generation, RouteLookup& look_up, const TargetPolicy& policy, Learnt& learnt) {
  Observation seen;
  seen.time = wall_now();
  const auto routed = needs_routed_index(snapshot, policy, learnt) ? routed_index(look_up).value_or(0) : 0;
  const auto* const tunnel = find_tunnel(snapshot, policy.tunnels, learnt.tunnel, routed);
  observe_tunnel(snapshot, tunnel, routed, policy, learnt, seen);
  seen.expected_tunnel = learnt.tunnel.name.empty() && !policy.tunnels.empty() ? policy.tunnels.front() : learnt.tunnel.name;
  observe_other_tunnels(snapshot, policy, learnt, seen);
  observe_uplinks(snapshot, tunnel, learnt, seen);
  seen.abandoned = is_abandoned(snapshot, policy, learnt, seen);
  seen.surroundings = observe_surroundings(snapshot, tunnel, seen, learnt.surroundings);
  learnt.surroundings = seen.surroundings;
  observe_endpoints(policy, learnt, seen);
  observe_allowed_flows(snapshot, policy, seen);
  observe_routes(snapshot, generation, look_up, tunnel, policy, learnt, seen);
  learn_host_routes(snapshot, seen, learnt);
  return seen;
}

}  // namespace vpn_sentinel
