/// Which interface of a namespace is the tunnel. Pure. By name and kind, never by index: a restart brings a new index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netns/monitor/snapshot.hpp"

namespace vpn_sentinel {

/// True when `name` equals one of `patterns` or matches it as of fnmatch(3).
[[nodiscard]] bool matches_any(const std::string& name, const std::vector<std::string>& patterns);

/// A link whose kind or type says that it is made by a VPN: tun, wireguard, ipip, gre, vti, xfrm, ppp; not the fallback devices that the
/// kernel makes by itself (tunl0, sit0, …).
[[nodiscard]] bool looks_like_tunnel(const Link& link);

/// The tunnel among `snapshot`'s links, or null. `patterns` decide if there are any; else `learnt` (the name that was the tunnel before)
/// if it still exists, else the candidate by kind, preferring the one that `routed_index` (where a public address goes now) names, then
/// one that is up.
[[nodiscard]] const Link* find_tunnel(const Snapshot& snapshot, const std::vector<std::string>& patterns, std::string_view learnt,
                                      std::uint32_t routed_index);

}  // namespace vpn_sentinel
