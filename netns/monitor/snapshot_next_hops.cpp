// SnapshotStore: next hop objects, and the routes that move with them.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/next_hops.hpp"
#include "netns/monitor/snapshot_store.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel {

void SnapshotStore::apply_next_hop_object(const NetlinkMessage& message, Burst& burst) {
  auto object = decode_next_hop_object(message.payload);
  if (!object) return;
  auto& objects = snapshot_.next_hop_objects;
  const auto place = std::ranges::lower_bound(objects, object->id, {}, &NextHopObject::id);
  const bool known = place != objects.end() && place->id == object->id;
  const bool deleted = message.type == RTM_DELNEXTHOP;
  if (known && !deleted && *place == *object) return;
  next_hops_stale_ = true;
  burst.note(Telling::path, [&] {
    return describe_next_hop_object(*object, snapshot_, deleted ? "deleted" : known ? "replaced" : "added");
  });
  if (deleted) {
    if (known) objects.erase(place);
  } else if (known) {
    *place = std::move(*object);
  } else {
    objects.insert(place, std::move(*object));
  }
}

void SnapshotStore::refresh_next_hops(Burst& burst) {
  if (!std::exchange(next_hops_stale_, false)) return;
  auto& routes = snapshot_.routes;
  index_.catch_up(routes);
  for (auto i = routes.size(); i-- > 0;) {
    auto& route = routes[i];
    if (route.next_hop_id == 0) continue;
    // What else the kernel did to these routes is known only by looking.
    burst.doubt(route.family == Family::v4 ? DumpKind::routes_v4 : DumpKind::routes_v6);
    if (snapshot_.find_next_hop_object(route.next_hop_id) == nullptr) {
      burst.note(telling_of(route), [&] { return describe_route(route, snapshot_, "deleted with its next hop object"); });
      index_.erase(routes, i);
    } else if (resolve_next_hops(snapshot_, route)) {
      burst.note(telling_of(route), [&] { return describe_route(route, snapshot_, "moved by its next hop object"); });
    }
  }
}

void SnapshotStore::adopt_next_hop_objects(std::vector<NextHopObject> fresh, Burst& burst) {
  auto& objects = snapshot_.next_hop_objects;
  if (objects == fresh) return;
  const auto missing_in = [](const auto& those) {
    return [&](const NextHopObject& object) { return !std::ranges::binary_search(those, object.id, {}, &NextHopObject::id); };
  };
  if (const auto gone = std::ranges::find_if(objects, missing_in(fresh)); gone != objects.end()) {
    burst.note(Telling::path, [&] { return describe_next_hop_object(*gone, snapshot_, "gone"); });
  } else if (const auto found = std::ranges::find_if(fresh, missing_in(objects)); found != fresh.end()) {
    burst.note(Telling::path, [&] { return describe_next_hop_object(*found, snapshot_, "found"); });
  } else {
    burst.note(Telling::path, [] { return std::string("a next hop object changed"); });
  }
  objects = std::move(fresh);
  next_hops_stale_ = true;
}

}  // namespace vpn_sentinel
