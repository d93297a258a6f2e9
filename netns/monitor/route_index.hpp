/// Finds a route in a vector of many by what identifies it, so that a flood of changes to a full table stays cheap (a linear search
/// through 100,000 routes for each of 200,000 changes would take minutes). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// Equal in everything but flags and preference, which the kernel changes without a message. Routes of a next hop object are equal when
/// the object is the same: its next hops change under them.
[[nodiscard]] bool is_same_route(const Route& a, const Route& b) noexcept;

/// A hash table beside the vector: chains of positions, without a node for each route. Routes that were put at the vector's end without it
/// are known after catch_up(): most tables are read and compared in order, and never searched.
class RouteIndex {
 public:
  /// Must come before everything below when the vector has grown without the index. Of equal routes the first one stays.
  void catch_up(std::vector<Route>& routes) {
    if (entries_.size() < routes.size()) index_tail(routes);
  }
  [[nodiscard]] std::optional<std::size_t> find(const std::vector<Route>& routes, const Route& route) const;
  /// Where routes with the same table, destination and metric are: what NLM_F_REPLACE may replace.
  [[nodiscard]] std::vector<std::size_t> rivals(const std::vector<Route>& routes, const Route& route) const;
  void append(std::vector<Route>& routes, Route route) {
    const auto hash = hash_of(route);
    append(routes, std::move(route), hash);
  }
  /// The same key, another content.
  static void overwrite(std::vector<Route>& routes, std::size_t position, Route route) { routes[position] = std::move(route); }
  /// The last route moves into the gap.
  void erase(std::vector<Route>& routes, std::size_t position);

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t next = 0;  ///< position of the next one in its chain
  };

  static std::uint32_t hash_of(const Route& route) noexcept;
  [[nodiscard]] std::uint32_t find(const std::vector<Route>& routes, const Route& route, std::uint32_t hash) const;
  void append(std::vector<Route>& routes, Route&& route, std::uint32_t hash);
  [[nodiscard]] std::uint32_t first(std::uint32_t hash) const noexcept;
  std::uint32_t& link_to(std::uint32_t position) noexcept;
  void index_tail(std::vector<Route>& routes);
  void resize(std::size_t heads);

  std::vector<Entry> entries_;        ///< one for each route, at its position
  std::vector<std::uint32_t> heads_;  ///< of the chains; a power of two
};

}  // namespace vpn_sentinel
