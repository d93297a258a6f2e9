#include "netns/monitor/route_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "netns/monitor/next_hops.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t none = 0xffffffffU;
constexpr std::size_t smallest = 16;

}  // namespace

bool is_same_route(const Route& a, const Route& b) noexcept {
  if (a.destination != b.destination || a.table != b.table || a.metric != b.metric || a.protocol != b.protocol || a.scope != b.scope ||
      a.tos != b.tos || a.source != b.source) {
    return false;
  }
  if (a.next_hop_id != 0 || b.next_hop_id != 0) return a.next_hop_id == b.next_hop_id;
  return a.type == b.type && is_same_path(a.next_hops, b.next_hops);
}

std::uint32_t RouteIndex::hash_of(const Route& route) noexcept {
  std::array<std::uint64_t, 4> words{};
  const auto address = route.destination.address().bytes();
  std::memcpy(words.data(), address.data(), address.size());
  words[2] = std::uint64_t{route.table} << 32U | route.metric;
  words[3] = route.destination.length();
  // The finisher of splitmix64, word by word.
  std::uint64_t hash = 0;
  for (const auto word : words) {
    hash = (hash ^ word) + 0x9e3779b97f4a7c15U;
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
    hash ^= hash >> 27U;
  }
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

std::uint32_t RouteIndex::first(std::uint32_t hash) const noexcept { return heads_.empty() ? none : heads_[hash & (heads_.size() - 1)]; }

std::optional<std::size_t> RouteIndex::find(const std::vector<Route>& routes, const Route& route) const {
  const auto at = find(routes, route, hash_of(route));
  return at == none ? std::nullopt : std::optional<std::size_t>(at);
}

std::uint32_t RouteIndex::find(const std::vector<Route>& routes, const Route& route, std::uint32_t hash) const {
  auto at = first(hash);
  while (at != none && (entries_[at].hash != hash || !is_same_route(routes[at], route))) at = entries_[at].next;
  return at;
}

std::vector<std::size_t> RouteIndex::rivals(const std::vector<Route>& routes, const Route& route) const {
  std::vector<std::size_t> places;
  const auto hash = hash_of(route);
  for (auto at = first(hash); at != none; at = entries_[at].next) {
    const auto& other = routes[at];
    if (entries_[at].hash != hash || other.destination != route.destination) continue;
    if (other.table == route.table && other.metric == route.metric && other.tos == route.tos && other.source == route.source)
      places.push_back(at);
  }
  return places;
}

void RouteIndex::index_tail(std::vector<Route>& routes) {
  if (routes.size() > heads_.size()) resize(std::max(smallest, std::bit_ceil(routes.size())));
  entries_.reserve(routes.size());
  while (entries_.size() < routes.size()) {
    const auto position = static_cast<std::uint32_t>(entries_.size());
    const auto hash = hash_of(routes[position]);
    if (find(routes, routes[position], hash) == none) {
      entries_.push_back({hash, std::exchange(heads_[hash & (heads_.size() - 1)], position)});
      continue;
    }
    if (position + 1 != routes.size()) routes[position] = std::move(routes.back());
    routes.pop_back();
  }
}

void RouteIndex::append(std::vector<Route>& routes, Route&& route, std::uint32_t hash) {
  const auto position = static_cast<std::uint32_t>(routes.size());
  routes.push_back(std::move(route));
  if (position >= heads_.size()) {
    entries_.push_back({hash, none});
    return resize(std::max(smallest, heads_.size() * 2));
  }
  auto& head = heads_[hash & (heads_.size() - 1)];
  entries_.push_back({hash, std::exchange(head, position)});
}

void RouteIndex::resize(std::size_t heads) {
  heads_.assign(heads, none);
  for (std::uint32_t position = 0; position < entries_.size(); ++position) {
    auto& entry = entries_[position];
    entry.next = std::exchange(heads_[entry.hash & (heads_.size() - 1)], position);
  }
}

/// What points at `position`: the head of its chain or the entry before it.
std::uint32_t& RouteIndex::link_to(std::uint32_t position) noexcept {
  auto* link = &heads_[entries_[position].hash & (heads_.size() - 1)];
  while (*link != position) link = &entries_[*link].next;
  return *link;
}

void RouteIndex::erase(std::vector<Route>& routes, std::size_t position) {
  const auto gap = static_cast<std::uint32_t>(position);
  const auto last = static_cast<std::uint32_t>(routes.size() - 1);
  link_to(gap) = entries_[gap].next;
  if (gap != last) {
    link_to(last) = gap;
    entries_[gap] = entries_[last];
    routes[gap] = std::move(routes[last]);
  }
  entries_.pop_back();
  routes.pop_back();
}

}  // namespace vpn_sentinel
