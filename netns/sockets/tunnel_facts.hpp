/// Everything about a tunnel that its interface does not tell: the program behind it, the WireGuard state, the servers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netns/sockets/tunnel_owner.hpp"
#include "netns/sockets/wireguard.hpp"

namespace vpn_sentinel {

struct TunnelFacts {
  std::optional<TunnelOwner> owner;  ///< of a tun; the kernel's own tunnels have none
  /// Of the kernel's WireGuard, or of a program that has a control socket. Absent without a gap: the program has none that is its own.
  std::optional<WireGuardDevice> wireguard;
  /// There is a control socket of this WireGuard interface, and the program behind it did not answer: also a gap.
  bool wireguard_is_mute = false;
  std::vector<Error> gaps;  ///< what could not be looked at, and why: an absent value with a gap is not "none"
};

/// `kind` is that of rtnetlink: "wireguard", "tun"; every other kind has nobody to ask, which is a gap (unavailable). `inside` opens
/// sockets in the interface's namespace `identity`.
///
/// `programs` as of find_tunnel_owner(), for a tun.
///
/// Blocks: see find_tunnel_owner(), and up to 0.5 s more when the program's control socket does not answer. For a helper thread, every
/// some seconds and after the tunnel changed.
[[nodiscard]] TunnelFacts read_tunnel_facts(const SocketOpener& inside, const NamespaceIdentity& identity, const std::string& name,
                                            const std::string& kind, TunnelPrograms& programs, MonoTime not_before);

/// The addresses that the tunnel's own packets go to, sorted: endpoints of WireGuard's peers, and the far ends of the owner's connected
/// sockets, which may be more than VPN servers (see TunnelOwner::peers).
[[nodiscard]] std::vector<Endpoint> tunnel_endpoints(const TunnelFacts& facts);

}  // namespace vpn_sentinel
