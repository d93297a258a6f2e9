#include "netns/monitor/snapshot_store.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <tuple>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/next_hops.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel {
namespace {

bool same_address(const InterfaceAddress& a, const InterfaceAddress& b) {
  return a.link_index == b.link_index && a.address == b.address && a.prefix_length == b.prefix_length;
}

/// Equal but for the statistics, which grow without meaning anything.
bool same_link(Link a, const Link& b) {
  a.rx_bytes = b.rx_bytes;
  a.tx_bytes = b.tx_bytes;
  a.rx_packets = b.rx_packets;
  a.tx_packets = b.tx_packets;
  return a == b;
}

Telling telling_of(const Link& now, const Link& before) {
  if (before.is_up() && !now.is_up()) return Telling::link_lost;
  if ((before.flags & IFF_RUNNING) != 0 && (now.flags & IFF_RUNNING) == 0) return Telling::carrier;
  return before.master != now.master ? Telling::path : Telling::detail;
}

/// Entries of the table "local" that come and go with an address. A unicast route in that table is none of them: the table is asked
/// before all others, so a route there leaks like any other.
bool is_noise(const Route& route) {
  if (route.table != RT_TABLE_LOCAL) return false;
  return route.type == RTN_LOCAL || route.type == RTN_BROADCAST || route.type == RTN_ANYCAST || route.type == RTN_MULTICAST;
}

bool is_cloned(const Route& route) { return (route.flags & RTM_F_CLONED) != 0; }

DumpKind routes_of(Family family) { return family == Family::v4 ? DumpKind::routes_v4 : DumpKind::routes_v6; }
DumpKind rules_of(Family family) { return family == Family::v4 ? DumpKind::rules_v4 : DumpKind::rules_v6; }

/// Something happened that cannot be read from the message itself: a fresh dump may tell it.
void doubt_part_of(const NetlinkMessage& message, Burst& burst) {
  if (const auto kind = SnapshotStore::kind_of(message)) burst.doubt(*kind);
}

}  // namespace

Telling telling_of(const Route& route) noexcept {
  if (route.destination.length() <= 3) return Telling::way_out;
  return route.destination.address().is_link_local() ? Telling::detail : Telling::path;
}

std::optional<DumpKind> SnapshotStore::kind_of(const NetlinkMessage& message) noexcept {
  const auto family = message.payload.empty() ? 0 : std::to_integer<int>(message.payload.front());
  const bool inet6 = family == AF_INET6;
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return DumpKind::links;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return DumpKind::addresses;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return DumpKind::next_hop_objects;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (family != AF_INET && !inet6) return std::nullopt;
      return inet6 ? DumpKind::routes_v6 : DumpKind::routes_v4;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      if (family != AF_INET && !inet6) return std::nullopt;
      return inet6 ? DumpKind::rules_v6 : DumpKind::rules_v4;
    default:
      return std::nullopt;
  }
}

void SnapshotStore::apply(const NetlinkMessage& message, Burst& burst) {
  index_.catch_up(snapshot_.routes);
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return apply_link(message, burst);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return apply_address(message, burst);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return apply_route(message, burst);
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return apply_rule(message, burst);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return apply_next_hop_object(message, burst);
    case RTM_NEWNDUSEROPT:
      return apply_router_option(message, burst);
    case RTM_NEWPREFIX:
      return apply_prefix(message, burst);
    default:
      return;
  }
}

void SnapshotStore::apply_link(const NetlinkMessage& message, Burst& burst) {
  const auto link = decode_link(message.payload);
  if (!link) return;
  if (message.type == RTM_NEWLINK) return put_link(*link, burst);
  remove_link(*link, tells_move_to_namespace(message.payload), burst);
}

void SnapshotStore::put_link(const Link& link, Burst& burst) {
  const auto known = std::ranges::find(snapshot_.links, link.index, &Link::index);
  if (known == snapshot_.links.end()) {
    snapshot_.links.push_back(link);
    return burst.note(Telling::detail, [&] { return describe_link(link, nullptr, snapshot_); });
  }
  const auto before = std::exchange(*known, link);
  if (same_link(before, link)) return;
  burst.note(telling_of(link, before), [&] { return describe_link(link, &before, snapshot_); });
  // Routes of a link without carrier get the flag RTNH_F_LINKDOWN, and next hop objects of it go: both without a message.
  constexpr std::uint32_t matters = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  if (((before.flags ^ link.flags) & matters) != 0 || before.master != link.master) doubt_routes_of(link, burst);
  if (before.is_up() && !link.is_up()) {
    flush_link(link.index);
    burst.doubt(DumpKind::routes_v6);
  }
}

void SnapshotStore::doubt_routes_of(const Link& link, Burst& burst) const {
  burst.doubt(DumpKind::routes_v4);
  const auto by_link = [&](const NextHopObject& object) { return object.hop.link_index == link.index; };
  if (std::ranges::any_of(snapshot_.next_hop_objects, by_link)) burst.doubt(DumpKind::next_hop_objects);
}

void SnapshotStore::remove_link(const Link& link, bool moved, Burst& burst) {
  if (std::erase_if(snapshot_.links, [&](const Link& known) { return known.index == link.index; }) == 0) return;
  burst.note(Telling::link_lost, [&] { return describe_deleted_link(link, moved); });
  std::erase_if(snapshot_.addresses, [&](const InterfaceAddress& address) { return address.link_index == link.index; });
  doubt_routes_of(link, burst);
  burst.doubt(DumpKind::routes_v6);
  flush_link(link.index);
}

void SnapshotStore::apply_address(const NetlinkMessage& message, Burst& burst) {
  const auto address = decode_address(message.payload);
  if (!address) return;
  if (message.type == RTM_DELADDR) return remove_address(*address, burst);
  auto& addresses = snapshot_.addresses;
  const auto known = std::ranges::find_if(addresses, [&](const auto& other) { return same_address(other, *address); });
  if (known == addresses.end()) {
    addresses.push_back(*address);
    return burst.note(Telling::path, [&] { return describe_address(*address, snapshot_, "added"); });
  }
  if (*known == *address) return;  // only its lifetime was renewed
  *known = *address;
  burst.note(Telling::detail, [&] { return describe_address(*address, snapshot_, "changed"); });
}

void SnapshotStore::remove_address(const InterfaceAddress& address, Burst& burst) {
  auto& addresses = snapshot_.addresses;
  std::erase_if(addresses, [&](const auto& other) { return same_address(other, address); });
  burst.note(Telling::path, [&] { return describe_address(address, snapshot_, "removed"); });
  if (!address.address.is_v4()) return;
  const bool last =
      std::ranges::none_of(addresses, [&](const auto& other) { return other.link_index == address.link_index && other.address.is_v4(); });
  if (last) flush_ipv4_routes(address.link_index);
  // Routes that preferred this source address went too. And two addresses that differ only in their peer are one in the snapshot.
  burst.doubt(DumpKind::routes_v4);
  burst.doubt(DumpKind::addresses);
}

void SnapshotStore::apply_route(const NetlinkMessage& message, Burst& burst) {
  auto route = decode_route(message.payload);
  if (!route) return doubt_part_of(message, burst);
  if (is_cloned(*route)) return;
  complete_next_hops(snapshot_, *route);
  const bool added = message.type == RTM_NEWROUTE;
  if (is_noise(*route)) {
    return burst.note(Telling::noise, [&] { return describe_route(*route, snapshot_, added ? "added" : "deleted"); });
  }
  if (added) return put_route(*route, (message.flags & NLM_F_REPLACE) != 0, burst);
  remove_route(*route, burst);
}

void SnapshotStore::put_route(const Route& route, bool replace, Burst& burst) {
  auto& routes = snapshot_.routes;
  if (const auto known = index_.find(routes, route)) {
    if (routes[*known] == route) return;
    const bool moved = !is_same_path(routes[*known].next_hops, route.next_hops);
    RouteIndex::overwrite(routes, *known, route);
    return burst.note(moved ? telling_of(route) : Telling::detail, [&] { return describe_route(route, snapshot_, "changed"); });
  }
  const auto rivals = index_.rivals(routes, route);
  if (replace && !rivals.empty()) {
    RouteIndex::overwrite(routes, *std::ranges::min_element(rivals), route);
  } else {
    index_.append(routes, route);
  }
  // The kernel replaces the first of several rivals, and IPv6 tells a whole multipath route anew when it gains a next hop: which entry
  // went is known only by looking.
  if ((replace && rivals.size() > 1) || (route.family == Family::v6 && !rivals.empty())) burst.doubt(routes_of(route.family));
  burst.note(telling_of(route), [&] { return describe_route(route, snapshot_, replace ? "replaced" : "added"); });
}

void SnapshotStore::remove_route(const Route& route, Burst& burst) {
  if (const auto known = index_.find(snapshot_.routes, route)) {
    index_.erase(snapshot_.routes, *known);
  } else {
    burst.doubt(routes_of(route.family));
  }
  burst.note(telling_of(route), [&] { return describe_route(route, snapshot_, "deleted"); });
}

/// IPv6 routes are told one by one, unless net.ipv6.route.skip_notify_on_dev_down is set: those are doubted, not taken away.
void SnapshotStore::flush_link(std::uint32_t link_index) {
  flush_ipv4_routes(link_index);
  if (flush_next_hop_objects(snapshot_.next_hop_objects, link_index)) next_hops_stale_ = true;
}

void SnapshotStore::flush_ipv4_routes(std::uint32_t link_index) {
  auto& routes = snapshot_.routes;
  index_.catch_up(routes);
  for (auto i = routes.size(); i-- > 0;) {
    const auto& hops = routes[i].next_hops;
    // A route by a next hop object lives as long as its object.
    if (routes[i].next_hop_id != 0) continue;
    const bool by_link = !hops.empty() && std::ranges::all_of(hops, [&](const NextHop& hop) { return hop.link_index == link_index; });
    if (by_link && routes[i].family == Family::v4) index_.erase(routes, i);
  }
}

void SnapshotStore::apply_rule(const NetlinkMessage& message, Burst& burst) {
  const auto rule = decode_rule(message.payload);
  if (!rule) return doubt_part_of(message, burst);
  if (message.type == RTM_NEWRULE) {
    insert_rule(*rule);
    return burst.note(Telling::path, [&] { return describe_rule(*rule, "added"); });
  }
  auto& rules = snapshot_.rules;
  if (const auto known = std::ranges::find(rules, *rule); known != rules.end()) {
    rules.erase(known);
  } else {
    burst.doubt(rules_of(rule->family));
  }
  burst.note(Telling::path, [&] { return describe_rule(*rule, "deleted"); });
}

void SnapshotStore::insert_rule(const Rule& rule) {
  // The kernel puts a new rule behind those of the same priority.
  const auto order = [](const Rule& a, const Rule& b) { return std::tie(a.family, a.priority) < std::tie(b.family, b.priority); };
  snapshot_.rules.insert(std::ranges::upper_bound(snapshot_.rules, rule, order), rule);
}

void SnapshotStore::apply_router_option(const NetlinkMessage& message, Burst& burst) {
  const auto option = decode_router_option(message.payload);
  if (option) burst.note(Telling::detail, [&] { return describe_router_option(*option, snapshot_); });
}

void SnapshotStore::apply_prefix(const NetlinkMessage& message, Burst& burst) {
  const auto prefix = decode_advertised_prefix(message.payload);
  if (prefix) burst.note(Telling::detail, [&] { return describe_advertised_prefix(*prefix, snapshot_); });
}

void SnapshotStore::insert(DumpKind kind, const NetlinkMessage& message) {
  if (kind_of(message) != kind) return;
  if (message.type == RTM_NEWADDR) {
    // Twins are found by adopt(): to look for one with each entry would take seconds for 100,000 of them.
    if (const auto address = decode_address(message.payload)) snapshot_.addresses.push_back(*address);
    return;
  }
  Burst unused;
  if (message.type == RTM_NEWLINK || message.type == RTM_NEWRULE || message.type == RTM_NEWNEXTHOP) {
    return apply(message, unused);
  }
  if (message.type != RTM_NEWROUTE) return;
  auto& route = snapshot_.routes.emplace_back();
  if (decode_route(message.payload, route) || is_cloned(route) || is_noise(route)) snapshot_.routes.pop_back();
}

}  // namespace vpn_sentinel
