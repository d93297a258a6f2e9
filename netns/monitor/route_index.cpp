#include "netns/monitor/route_index.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "netns/monitor/next_hops.hpp"

namespace vpn_sentinel {

bool is_same_route(const Route& a, const Route& b) noexcept {
  if (a.destination != b.destination || a.table != b.table || a.metric != b.metric || a.protocol != b.protocol || a.scope != b.scope) {
    return false;
  }
  if (a.next_hop_id != 0 || b.next_hop_id != 0) return a.next_hop_id == b.next_hop_id;
  return a.type == b.type && is_same_path(a.next_hops, b.next_hops);
}

std::size_t RouteIndex::Hash::operator()(const Key& key) const noexcept {
  std::array<char, 16 + 3 * sizeof(std::uint32_t)> bytes{};
  const auto address = key.destination.address().bytes();
  const std::array<std::uint32_t, 3> numbers{key.destination.length(), key.table, key.metric};
  std::memcpy(bytes.data(), address.data(), address.size());
  std::memcpy(bytes.data() + 16, numbers.data(), sizeof numbers);
  return std::hash<std::string_view>{}({bytes.data(), bytes.size()});
}

void RouteIndex::rebuild(const std::vector<Route>& routes) {
  positions_.clear();
  positions_.reserve(routes.size());
  for (std::size_t i = 0; i < routes.size(); ++i) positions_.emplace(key_of(routes[i]), i);
}

std::optional<std::size_t> RouteIndex::find(const std::vector<Route>& routes, const Route& route) const {
  const auto [first, last] = positions_.equal_range(key_of(route));
  const auto found = std::find_if(first, last, [&](const auto& entry) { return is_same_route(routes[entry.second], route); });
  return found == last ? std::nullopt : std::optional(found->second);
}

std::vector<std::size_t> RouteIndex::rivals(const Route& route) const {
  std::vector<std::size_t> places;
  const auto [first, last] = positions_.equal_range(key_of(route));
  std::for_each(first, last, [&](const auto& entry) { places.push_back(entry.second); });
  return places;
}

void RouteIndex::append(std::vector<Route>& routes, Route route) {
  positions_.emplace(key_of(route), routes.size());
  routes.push_back(std::move(route));
}

RouteIndex::Map::iterator RouteIndex::entry(const Route& route, std::size_t position) {
  const auto [first, last] = positions_.equal_range(key_of(route));
  return std::find_if(first, last, [&](const auto& entry) { return entry.second == position; });
}

void RouteIndex::erase(std::vector<Route>& routes, std::size_t position) {
  positions_.erase(entry(routes[position], position));
  const auto last = routes.size() - 1;
  if (position != last) {
    entry(routes[last], last)->second = position;
    routes[position] = std::move(routes[last]);
  }
  routes.pop_back();
}

}  // namespace vpn_sentinel
