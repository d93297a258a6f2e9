/// Finds a route in a vector of many by what identifies it, so that a flood of changes to a full table stays cheap (a linear search
/// through 100,000 routes for each of 200,000 changes would take minutes). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// Equal in everything but flags and preference, which the kernel changes without a message. Routes of a next hop object are equal when
/// the object is the same: its next hops change under them.
[[nodiscard]] bool is_same_route(const Route& a, const Route& b) noexcept;

class RouteIndex {
 public:
  /// Everything is read again; for a vector that was changed by other means.
  void rebuild(const std::vector<Route>& routes);
  [[nodiscard]] std::optional<std::size_t> find(const std::vector<Route>& routes, const Route& route) const;
  /// Where routes with the same family, table, destination and metric are: what NLM_F_REPLACE may replace.
  [[nodiscard]] std::vector<std::size_t> rivals(const Route& route) const;
  void append(std::vector<Route>& routes, Route route);
  /// The same key, another content.
  static void overwrite(std::vector<Route>& routes, std::size_t position, Route route) { routes[position] = std::move(route); }
  /// The last route moves into the gap.
  void erase(std::vector<Route>& routes, std::size_t position);

 private:
  struct Key {
    IpPrefix destination;
    std::uint32_t table = 0;
    std::uint32_t metric = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  using Map = std::unordered_multimap<Key, std::size_t, Hash>;

  static Key key_of(const Route& route) noexcept { return {route.destination, route.table, route.metric}; }
  Map::iterator entry(const Route& route, std::size_t position);

  Map positions_;
};

}  // namespace vpn_sentinel
