#include "probe/watch/look_up_plan.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "probe/watch/address_regions.hpp"
#include "probe/watch/local_destinations.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

/// A packet to the prefix of such a route goes into the tunnel, nowhere, or the way that it would go without the route. A throw route sends
/// on to later tables, where another way may be found than by the outer route of this one.
bool is_harmless(const Route& route, std::uint32_t tunnel_index) {
  if (route.type == RTN_UNREACHABLE || route.type == RTN_BLACKHOLE || route.type == RTN_PROHIBIT) return true;
  if (route.type != RTN_UNICAST || route.next_hops.empty() || tunnel_index == 0) return false;
  return std::ranges::all_of(route.next_hops, [&](const NextHop& hop) { return hop.link_index == tunnel_index; });
}

std::vector<SplitPrefix> splitting_prefixes(const Snapshot& snapshot, std::uint32_t tunnel_index) {
  std::vector<SplitPrefix> prefixes;
  prefixes.reserve(snapshot.routes.size());
  // A rule that suppresses routes by their device's group sends on like a throw route.
  const bool suppresses = std::ranges::any_of(snapshot.rules, [](const Rule& rule) { return rule.suppress_group >= 0; });
  for (const auto& route : snapshot.routes) prefixes.push_back({route.destination, !suppresses && is_harmless(route, tunnel_index)});
  for (const auto& rule : snapshot.rules) {
    if (rule.destination) prefixes.push_back({*rule.destination, false});
  }
  return prefixes;
}

bool is_behind_nat64(const IpAddress& address) {
  return std::ranges::any_of(public_parts(), [&](const IpPrefix& part) { return part.contains(address); });
}

/// One family's part of the plan.
struct FamilyPart {
  std::vector<AddressRegion> regions;
  FlowClasses flows;
};

std::vector<MarkMatch> marks_of(const PlanInput& input) {
  auto marks = input.own_marks;
  if (input.marks_told) return marks;
  const auto spared = exempting_marks(input.snapshot, input.tunnel_index);
  marks.insert(marks.end(), spared.begin(), spared.end());
  return marks;
}

/// Neither the tunnels' own nor what the user named.
std::vector<ConnectedSubnet> silently_trusted(const PlanInput& input) {
  std::vector<ConnectedSubnet> trusted;
  for (const auto& subnet : connected_subnets(input.snapshot)) {
    const auto* const link = input.snapshot.find_link(subnet.link_index);
    const bool of_tunnel = subnet.link_index == input.tunnel_index || (link && is_named(*link, input.policy.tunnels));
    const bool named = std::ranges::any_of(input.policy.local_networks, [&](const IpPrefix& network) {
      return network.length() <= subnet.prefix.length() && network.contains(subnet.prefix.address());
    });
    // A subnet may have a route in several tables.
    const bool known = std::ranges::find(trusted, subnet) != trusted.end();
    if (subnet.is_public && !of_tunnel && !named && !known) trusted.push_back(subnet);
  }
  return trusted;
}

class Planner {
 public:
  explicit Planner(const PlanInput& input) : input_(input) {}

  LookUpPlan run() {
    const auto prefixes = splitting_prefixes(input_.snapshot, input_.tunnel_index);
    const auto local = local_prefixes(input_.snapshot, input_.tunnel_index, input_.policy, input_.endpoints_known, input_.endpoints);
    const auto marks = marks_of(input_);
    plan_.public_subnets = silently_trusted(input_);
    std::vector<FamilyPart> parts;
    std::size_t wanted = 0;
    for (const auto family : {Family::v4, Family::v6}) {
      auto regions = address_regions(family, prefixes, local, public_parts(), public_addresses());
      // What everybody uses is told before what lies behind NAT64.
      std::stable_partition(regions.begin(), regions.end(),
                            [](const AddressRegion& region) { return !is_behind_nat64(region.representative); });
      parts.push_back({std::move(regions), flow_classes(input_.snapshot, family, input_.tunnel_index, input_.policy, marks, input_.round)});
      wanted += parts.back().regions.size() * parts.back().flows.classes.size();
    }
    if (wanted > most_questions) wanted = leave_out_implied(parts);
    share_ = wanted / most_questions + 1;
    plan_.questions.reserve(std::min(wanted, 2 * most_questions));
    plan_.meanings.reserve(plan_.questions.capacity());
    for (auto& part : parts) add(part);
    return std::move(plan_);
  }

 private:
  /// Tables with thousands of routes into the tunnel: the answers for their outer prefixes cover them.
  static std::size_t leave_out_implied(std::vector<FamilyPart>& parts) {
    std::size_t wanted = 0;
    for (auto& part : parts) {
      std::erase_if(part.regions, [](const AddressRegion& region) { return region.implied; });
      wanted += part.regions.size() * part.flows.classes.size();
    }
    return wanted;
  }

  void add(FamilyPart& part) {
    // Kinds of packets that take turns must not always meet the same addresses: theirs come from the same numbers without this.
    constexpr std::size_t other_turns = 0x5eed;
    const auto turn = part.flows.rotates ? turn_of(input_.round + other_turns, share_) : input_.round % share_;
    std::size_t counted = 0;
    for (auto& flow : part.flows.classes) {
      for (const auto& region : part.regions) {
        const bool always = region.by_request && flow.whom.empty();
        if (!always && ++counted % share_ != turn) {
          ++plan_.not_asked;
          continue;
        }
        plan_.questions.push_back({region.representative, flow.flow});
        plan_.meanings.push_back({plan_.flows.size(), region.by_request});
      }
      plan_.flows.push_back(std::move(flow));
    }
    plan_.not_asked += part.flows.left_out * part.regions.size();
    auto& rules = part.flows.unasked_rules;
    plan_.unasked_rules.insert(plan_.unasked_rules.end(), rules.begin(), rules.end());
  }

  const PlanInput& input_;
  LookUpPlan plan_;
  std::size_t share_ = 1;
};

}  // namespace

const std::vector<IpAddress>& public_addresses() {
  static const std::vector<IpAddress> addresses = [] {
    std::vector<IpAddress> made;
    for (const auto* const text :
         {"23.128.45.77", "45.33.120.201", "66.7.201.13", "104.131.9.240", "141.95.77.18", "185.199.7.91", "196.25.88.3", "212.58.140.66",
          "2001:500:88:200::10", "2606:2800:220:1::9", "2a03:2880:f1ff:83::5", "64:ff9b::2d21:78c9", "64:ff9b:1::2d21:78c9"}) {
      made.push_back(IpAddress::parse(text).value_or(IpAddress{}));
    }
    return made;
  }();
  return addresses;
}

LookUpPlan plan_look_ups(const PlanInput& input) { return Planner{input}.run(); }

}  // namespace vpn_sentinel
