#include "netns/monitor/snapshot.hpp"

#include <algorithm>

namespace vpn_sentinel {

const Link* Snapshot::find_link(std::uint32_t index) const noexcept {
  const auto found = std::ranges::find(links, index, &Link::index);
  return found == links.end() ? nullptr : &*found;
}

const Link* Snapshot::find_link(std::string_view name) const noexcept {
  const auto found = std::ranges::find(links, name, &Link::name);
  return found == links.end() ? nullptr : &*found;
}
const NextHopObject* Snapshot::find_next_hop_object(std::uint32_t id) const noexcept {
  const auto found = std::ranges::lower_bound(next_hop_objects, id, {}, &NextHopObject::id);
  return found == next_hop_objects.end() || found->id != id ? nullptr : &*found;
}

}  // namespace vpn_sentinel
