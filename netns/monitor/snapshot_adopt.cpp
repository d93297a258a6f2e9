// SnapshotStore::adopt: what a finished dump brings replaces a part of the snapshot, and the first difference becomes the cause.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/next_hops.hpp"
#include "netns/monitor/snapshot_store.hpp"

namespace vpn_sentinel {
namespace {

/// Whoever owns a namespace may give it 100,000 addresses or rules, and one loop serves all namespaces: everything here is sorted or
/// bounded.
constexpr std::ptrdiff_t most_candidates = 64;

/// One of `these` that has no equal among `those`, looked for behind what both begin with; null when there is none among the first ones.
const Rule* first_missing(const std::vector<Rule>& these, const std::vector<Rule>& those) {
  const auto [begin, rest] = std::ranges::mismatch(these, those);
  const auto end = begin + std::min(most_candidates, these.end() - begin);
  const auto found =
      std::find_if(begin, end, [&, from = rest](const Rule& rule) { return std::find(from, those.end(), rule) == those.end(); });
  return found == end ? nullptr : &*found;
}

/// What makes two entries one address.
auto address_key(const InterfaceAddress& address) { return std::tuple(address.link_index, address.address, address.prefix_length); }

auto whole_address(const InterfaceAddress& address) { return std::tuple(address_key(address), address.scope, address.flags); }

bool address_order(const InterfaceAddress& a, const InterfaceAddress& b) { return whole_address(a) < whole_address(b); }

/// Addresses that differ only in their peer are one in the snapshot: of each the last entry of the dump stays.
void remove_twins(std::vector<InterfaceAddress>& addresses) {
  std::map<decltype(address_key({})), std::size_t> last;
  for (std::size_t i = 0; i < addresses.size(); ++i) last[address_key(addresses[i])] = i;
  if (last.size() == addresses.size()) return;
  std::size_t i = 0;
  std::erase_if(addresses, [&](const InterfaceAddress& address) { return last.at(address_key(address)) != i++; });
}

}  // namespace

void SnapshotStore::adopt(DumpKind kind, SnapshotStore fresh, Burst& burst) {
  switch (kind) {
    case DumpKind::links:
      return adopt_links(fresh.snapshot_.links, burst);
    case DumpKind::addresses:
      return adopt_addresses(std::move(fresh.snapshot_.addresses), burst);
    case DumpKind::next_hop_objects:
      return adopt_next_hop_objects(std::move(fresh.snapshot_.next_hop_objects), burst);
    case DumpKind::routes_v4:
      return adopt_routes(Family::v4, std::move(fresh), burst);
    case DumpKind::routes_v6:
      return adopt_routes(Family::v6, std::move(fresh), burst);
    case DumpKind::rules_v4:
      return adopt_rules(Family::v4, std::move(fresh.snapshot_.rules), burst);
    case DumpKind::rules_v6:
      return adopt_rules(Family::v6, std::move(fresh.snapshot_.rules), burst);
  }
}

void SnapshotStore::adopt_links(const std::vector<Link>& fresh, Burst& burst) {
  // By the same functions as events, so that a link that is gone takes its addresses and IPv4 routes along.
  std::set<std::uint32_t> there;
  for (const auto& link : fresh) there.insert(link.index);
  for (const auto& link : std::vector(snapshot_.links)) {
    if (!there.contains(link.index)) remove_link(link, false, burst);
  }
  for (const auto& link : fresh) put_link(link, burst);
}

void SnapshotStore::adopt_addresses(std::vector<InterfaceAddress> fresh, Burst& burst) {
  remove_twins(fresh);
  auto& addresses = snapshot_.addresses;
  if (addresses == fresh) return;
  auto before = addresses;
  auto after = fresh;
  std::ranges::sort(before, address_order);
  std::ranges::sort(after, address_order);
  const auto [gone, found] = std::ranges::mismatch(before, after);
  if (gone == before.end() && found == after.end()) return;
  const bool is_gone = gone != before.end() && (found == after.end() || address_order(*gone, *found));
  burst.note(Telling::path, [&, one = is_gone ? *gone : *found] { return describe_address(one, snapshot_, is_gone ? "gone" : "found"); });
  addresses = std::move(fresh);
}

void SnapshotStore::adopt_routes(Family family, SnapshotStore fresh, Burst& burst) {
  auto& routes = snapshot_.routes;
  for (auto& route : fresh.snapshot_.routes) complete_next_hops(snapshot_, route);
  bool differs = false;
  const auto note = [&](const Route& route, std::string_view happened) {
    differs = true;
    burst.note(Telling::path, [&] { return describe_route(route, snapshot_, happened); });
  };
  std::size_t known = 0;
  std::size_t expected = 0;
  for (const auto& route : routes) {
    if (route.family != family) continue;
    ++known;
    // The kernel tells an unchanged table in the same order each time: most routes are found without the index.
    if (expected < fresh.snapshot_.routes.size() && fresh.snapshot_.routes[expected] == route) {
      ++expected;
      continue;
    }
    fresh.index_routes();
    const auto same = fresh.index_.find(fresh.snapshot_.routes, route);
    if (!same) {
      note(route, "gone");
    } else {
      if (fresh.snapshot_.routes[*same] != route) note(route, "changed");
      expected = *same + 1;
    }
  }
  // No route is twice in an index: as many as before, and all of them found, are the same ones.
  if (!differs && known == fresh.snapshot_.routes.size()) return;
  if (known > 0) index_.catch_up(routes);
  for (const auto& route : fresh.snapshot_.routes) {
    if (route.family == family && (known == 0 || !index_.find(routes, route))) note(route, "found");
  }
  if (differs) replace_routes(family, known, std::move(fresh));
}

/// Moves the smaller part: the other family's routes into `fresh`, or those of `fresh` here.
void SnapshotStore::replace_routes(Family family, std::size_t known, SnapshotStore fresh) {
  auto& routes = snapshot_.routes;
  if (routes.size() - known <= fresh.snapshot_.routes.size()) {
    for (auto& route : routes) {
      if (route.family != family) fresh.snapshot_.routes.push_back(std::move(route));
    }
    routes = std::move(fresh.snapshot_.routes);
    index_ = std::move(fresh.index_);
    return;
  }
  if (known > 0) index_.catch_up(routes);
  for (auto i = routes.size(); known > 0 && i-- > 0;) {
    if (routes[i].family == family) index_.erase(routes, i);
  }
  for (auto& route : fresh.snapshot_.routes) routes.push_back(std::move(route));
}

void SnapshotStore::adopt_rules(Family family, std::vector<Rule> fresh, Burst& burst) {
  auto& rules = snapshot_.rules;
  std::vector<Rule> known = rules;
  for (auto* list : {&known, &fresh}) std::erase_if(*list, [&](const Rule& rule) { return rule.family != family; });
  if (known == fresh) return;
  if (const auto* gone = first_missing(known, fresh)) {
    burst.note(Telling::path, [&] { return describe_rule(*gone, "gone"); });
  } else if (const auto* found = first_missing(fresh, known)) {
    burst.note(Telling::path, [&] { return describe_rule(*found, "found"); });
  } else {
    burst.note(Telling::path, [] { return std::string("the order of the rules changed"); });
  }
  std::erase_if(rules, [&](const Rule& rule) { return rule.family == family; });
  for (const auto& rule : fresh) insert_rule(rule);
}

}  // namespace vpn_sentinel
