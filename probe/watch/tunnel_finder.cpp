#include "probe/watch/tunnel_finder.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <linux/if_arp.h>

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

constexpr std::array<std::string_view, 10> tunnel_kinds{"tun",    "wireguard", "ipip", "ip6tnl", "gre",
                                                        "ip6gre", "vti",       "vti6", "xfrm",   "sit"};
constexpr std::array<std::string_view, 9> fallback_devices{"tunl0",   "sit0",     "gre0",    "gretap0", "erspan0",
                                                           "ip_vti0", "ip6_vti0", "ip6tnl0", "ip6gre0"};

template <typename Range>
bool contains(const Range& range, std::string_view text) {
  return std::ranges::find(range, text) != std::end(range);
}

/// Higher is better; 0 is no candidate.
int rank(const Link& link, std::uint32_t routed_index) {
  if (!looks_like_tunnel(link)) return 0;
  if (link.index == routed_index) return 3;
  return link.is_up() ? 2 : 1;
}

std::string_view kind_text(const Link& link) { return link.kind.empty() ? "unknown" : std::string_view(link.kind); }

const Link* find_named(const Snapshot& snapshot, const std::vector<std::string>& patterns, const LearntTunnel& learnt,
                       std::uint32_t routed_index) {
  const Link* best = nullptr;
  const auto score = [&](const Link& link) { return (link.is_up() ? 2 : 0) + (link.is_up() && link.index == routed_index ? 1 : 0); };
  for (const auto& link : snapshot.links) {
    if (!is_named(link, patterns) || is_stranger(link, learnt)) continue;
    if (!best || score(link) > score(*best)) best = &link;
  }
  return best;
}

const Link* find_learnt(const Snapshot& snapshot, const LearntTunnel& learnt, std::uint32_t routed_index) {
  if (const auto* const named = snapshot.find_link(learnt.name); named && (learnt.is(*named) || looks_like_tunnel(*named))) return named;
  const auto same_kind = [&](const Link* link) { return link && looks_like_tunnel(*link) && link->kind == learnt.kind; };
  if (const auto* const renamed = snapshot.find_link(learnt.index); same_kind(renamed)) return renamed;
  const auto* const routed = snapshot.find_link(routed_index);
  return same_kind(routed) ? routed : nullptr;
}

}  // namespace

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

bool is_named(const Link& link, const std::vector<std::string>& patterns) {
  if (contains(patterns, link.name)) return true;
  return matches_any(link.name, patterns) && (contains(tunnel_kinds, link.kind) || link.type == ARPHRD_PPP);
}

bool looks_like_tunnel(const Link& link) {
  if (contains(fallback_devices, link.name)) return false;
  // A tap carries Ethernet and belongs to a virtual machine as often as to a VPN: it must be named in the settings.
  if (link.type == ARPHRD_ETHER) return false;
  return contains(tunnel_kinds, link.kind);
}

bool is_stranger(const Link& link, const LearntTunnel& learnt) {
  return !learnt.name.empty() && link.name == learnt.name && link.kind != learnt.kind && !looks_like_tunnel(link);
}

const Link* find_tunnel(const Snapshot& snapshot, const std::vector<std::string>& patterns, const LearntTunnel& learnt,
                        std::uint32_t routed_index) {
  if (!patterns.empty()) return find_named(snapshot, patterns, learnt, routed_index);
  if (!learnt.name.empty()) return find_learnt(snapshot, learnt, routed_index);
  const Link* best = nullptr;
  int best_rank = 0;
  for (const auto& link : snapshot.links) {
    const int candidate = rank(link, routed_index);
    if (candidate > best_rank) {
      best = &link;
      best_rank = candidate;
    }
  }
  return best;
}

std::string replacement_text(const LearntTunnel& learnt, const Link& now) {
  if (learnt.name.empty() || learnt.is(now)) return {};
  if (learnt.name == now.name) return fmt::format("{} was of kind {} and is of kind {} now", now.name, learnt.kind, kind_text(now));
  if (learnt.index == now.index) return fmt::format("{} is called {} now", learnt.name, now.name);
  return fmt::format("{} ({}) took the place of {} ({})", now.name, kind_text(now), learnt.name, learnt.kind);
}

}  // namespace vpn_sentinel
