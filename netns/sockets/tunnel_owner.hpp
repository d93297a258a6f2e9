/// Which program holds a tun interface, and whom it talks to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/sockets/tunnel_programs.hpp"

namespace vpn_sentinel {

struct TunnelOwner {
  pid_t pid = 0;  ///< as the probe's own pid namespace numbers it
  std::string comm;
  uid_t uid = 0;
  /// Far ends of its connected TCP and UDP sockets, sorted, without loopback. Candidates for the VPN server's address, no proof: a program
  /// may also talk to its maker's API, and UDP sockets of OpenVPN and of wireguard-go are not connected and tell nothing (measured with
  /// OpenVPN 2.6: UDP "UNCONN *:*", TCP "ESTAB 198.51.100.2:1194").
  std::vector<Endpoint> peers;
  /// Why `peers` may lack some: the sockets could not be listed. Without it an empty list means that there are none.
  std::optional<Error> peers_gap;
  std::vector<std::uint32_t> sockets;  ///< inodes of all its sockets, sorted
  NamespaceIdentity netns;             ///< of the process; the interface may have been moved to another one
  friend bool operator==(const TunnelOwner&, const TunnelOwner&) = default;
};

/// The process that holds the tun interface `name` of the namespace `identity`, whose sockets `inside` opens. A process of the same
/// namespace is it; a process elsewhere with an interface of that name only when the kernel says that the interface lives here.
///
/// not_found: none of the processes that the probe sees (a persistent interface has none; a container's pid namespace hides others);
/// not_permitted: it may be one whose open files cannot be seen; CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are named. unavailable: there is
/// one elsewhere, and whether it is this interface cannot be found out.
///
/// `programs` is asked for a look through /proc that began at `not_before` or later.
///
/// Blocks: 2 ms with 100 processes, 16 ms with 1000; at most 2 s for /proc and 8 s for sockets on an enormous machine. For a helper thread,
/// every some seconds.
[[nodiscard]] Result<TunnelOwner> find_tunnel_owner(const SocketOpener& inside, const NamespaceIdentity& identity, const std::string& name,
                                                    TunnelPrograms& programs, MonoTime not_before);

}  // namespace vpn_sentinel
