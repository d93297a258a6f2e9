#include "probe/watch/tunnel_finder.hpp"

#include <fnmatch.h>
#include <net/if_arp.h>

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

}  // namespace

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

bool looks_like_tunnel(const Link& link) {
  if (contains(fallback_devices, link.name)) return false;
  // A tap carries Ethernet and belongs to a virtual machine as often as to a VPN: it must be named in the settings.
  if (link.type == ARPHRD_ETHER) return false;
  return contains(tunnel_kinds, link.kind);
}

const Link* find_tunnel(const Snapshot& snapshot, const std::vector<std::string>& patterns, const LearntTunnel& learnt,
                        std::uint32_t routed_index) {
  const Link* best = nullptr;
  if (!patterns.empty()) {
    for (const auto& link : snapshot.links) {
      if (matches_any(link.name, patterns) && (!best || (link.is_up() && !best->is_up()))) best = &link;
    }
    return best;
  }
  if (!learnt.name.empty()) {
    if (const auto* const known = snapshot.find_link(learnt.name); known && learnt.is(*known)) return known;
    const auto* const routed = snapshot.find_link(routed_index);
    return routed && looks_like_tunnel(*routed) && routed->kind == learnt.kind ? routed : nullptr;
  }
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

}  // namespace vpn_sentinel
