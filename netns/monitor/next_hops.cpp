#include "netns/monitor/next_hops.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace vpn_sentinel {
namespace {

struct Way {
  bool blackhole = false;
  std::vector<NextHop> hops;
};

/// Groups have no groups as members: the kernel refuses them.
Way way_of(const Snapshot& snapshot, const NextHopObject& object) {
  if (object.group.empty()) return object.blackhole ? Way{true, {}} : Way{false, {object.hop}};
  Way way;
  for (std::size_t i = 0; i < object.group.size(); ++i) {
    const auto* member = snapshot.find_next_hop_object(object.group[i]);
    if (member == nullptr) continue;
    if (member->blackhole) return {true, {}};
    way.hops.push_back(member->hop);
    if (i < object.weights.size()) way.hops.back().weight = object.weights[i];
  }
  return way;
}

/// Takes what is gone out of the groups; returns the ids of groups that are empty by that.
std::vector<std::uint32_t> leave_groups(std::vector<NextHopObject>& objects, const std::vector<std::uint32_t>& gone) {
  std::vector<std::uint32_t> emptied;
  for (auto& object : objects) {
    if (object.group.empty()) continue;
    NextHopObject left = object;
    left.group.clear();
    left.weights.clear();
    for (std::size_t i = 0; i < object.group.size(); ++i) {
      if (std::ranges::binary_search(gone, object.group[i])) continue;
      left.group.push_back(object.group[i]);
      if (i < object.weights.size()) left.weights.push_back(object.weights[i]);
    }
    object = std::move(left);
    if (object.group.empty()) emptied.push_back(object.id);
  }
  return emptied;
}

}  // namespace

bool is_same_path(const std::vector<NextHop>& a, const std::vector<NextHop>& b) noexcept {
  return std::ranges::equal(a, b, [](const NextHop& x, const NextHop& y) {
    return x.link_index == y.link_index && x.gateway == y.gateway && x.weight == y.weight;
  });
}

bool resolve_next_hops(const Snapshot& snapshot, Route& route) {
  const auto* object = route.next_hop_id == 0 ? nullptr : snapshot.find_next_hop_object(route.next_hop_id);
  if (object == nullptr) return false;
  auto way = way_of(snapshot, *object);
  auto type = route.type;
  if (way.blackhole) type = RTN_BLACKHOLE;
  if (!way.blackhole && type == RTN_BLACKHOLE) type = RTN_UNICAST;
  if (type == route.type && is_same_path(way.hops, route.next_hops)) return false;
  route.type = type;
  route.next_hops = std::move(way.hops);
  return true;
}

void complete_next_hops(const Snapshot& snapshot, Route& route) {
  if (route.next_hop_id != 0 && (route.next_hops.empty() || route.type == RTN_BLACKHOLE)) resolve_next_hops(snapshot, route);
}

bool flush_next_hop_objects(std::vector<NextHopObject>& objects, std::uint32_t link_index) {
  const auto by_link = [&](const NextHopObject& object) {
    return object.group.empty() && !object.blackhole && object.hop.link_index == link_index;
  };
  std::vector<std::uint32_t> gone;  // in the order of ids, as the objects are
  for (const auto& object : objects) {
    if (by_link(object)) gone.push_back(object.id);
  }
  if (gone.empty()) return false;
  std::erase_if(objects, by_link);
  const auto emptied = leave_groups(objects, gone);
  std::erase_if(objects, [&](const NextHopObject& object) { return std::ranges::binary_search(emptied, object.id); });
  return true;
}

}  // namespace vpn_sentinel
