/// Which interface of a namespace is the tunnel. Pure. By name and kind, never by index: a restart brings a new index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netns/monitor/snapshot.hpp"

namespace vpn_sentinel {

/// True when `name` equals one of `patterns` or matches it as of fnmatch(3).
[[nodiscard]] bool matches_any(const std::string& name, const std::vector<std::string>& patterns);

/// True when the settings mean `link`: by its very name, or by a pattern when it is of a kind that VPNs make (with tap and ppp, which
/// nobody names by accident); a veth that happens to fit "tun*" is no tunnel.
[[nodiscard]] bool is_named(const Link& link, const std::vector<std::string>& patterns);

/// A link whose kind says that it is made by a VPN: tun, wireguard, ipip, gre, vti, xfrm; not the fallback devices that the kernel makes
/// by itself (tunl0, sit0, …). Neither tap nor ppp: they are a virtual machine's or the uplink's as often as a VPN's and must be named.
[[nodiscard]] bool looks_like_tunnel(const Link& link);

/// The link that carried public addresses when it was last seen to.
struct LearntTunnel {
  std::string name;  ///< empty: none yet
  std::string kind;
  std::uint32_t index = 0;
  [[nodiscard]] bool is(const Link& link) const { return !name.empty() && link.name == name && link.kind == kind; }
};

/// A link that has the learnt tunnel's name and is no tunnel: what goes to it is not protected.
[[nodiscard]] bool is_stranger(const Link& link, const LearntTunnel& learnt);

/// The tunnel among `snapshot`'s links, or null. `patterns` decide if there are any; of several that match, one that is up and best the one
/// by which public addresses go now (`routed_index`). Else it is the `learnt` one if it still exists, also renamed, or made anew as another
/// kind of tunnel; and while it is away only a link of the same kind by which public addresses go now takes its place: any other tunnel of
/// the machine would turn a lost VPN into a protected one. Before anything was learnt: the best candidate by kind, for show.
[[nodiscard]] const Link* find_tunnel(const Snapshot& snapshot, const std::vector<std::string>& patterns, const LearntTunnel& learnt,
                                      std::uint32_t routed_index);

/// How `now` took the place of the learnt tunnel, in words; empty when it is that one.
[[nodiscard]] std::string replacement_text(const LearntTunnel& learnt, const Link& now);

}  // namespace vpn_sentinel
