/// Everything rtnetlink told about a namespace at one moment.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// Rules are in the order in which the kernel asks them, per family, and next hop objects in that of their ids; everything else is in no
/// particular order. Left out are cached routes and the single addresses, broadcast and multicast entries of table 255, which the
/// addresses already tell. A route by a next hop object has that object's next hops, whether or not the kernel's message had them.
struct Snapshot {
  std::vector<Link> links;
  std::vector<InterfaceAddress> addresses;
  std::vector<Route> routes;
  std::vector<Rule> rules;
  std::vector<NextHopObject> next_hop_objects;

  [[nodiscard]] const Link* find_link(std::uint32_t index) const noexcept;
  /// By name, never by index: a restarted VPN has a new index.
  [[nodiscard]] const Link* find_link(std::string_view name) const noexcept;
  [[nodiscard]] const NextHopObject* find_next_hop_object(std::uint32_t id) const noexcept;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace vpn_sentinel
