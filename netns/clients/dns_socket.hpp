/// Sockets of the DNS client: opened in the right namespace, bound to a device, connected so that only the server's packets come in.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// An Internet socket from `opener` (empty: socket(2) here), non-blocking and close-on-exec, bound to `device` unless that is empty.
/// SO_BINDTODEVICE needs no privilege since Linux 5.7. not_found: there is no such device in the socket's namespace.
[[nodiscard]] Result<Fd> open_bound_socket(const SocketOpener& opener, int domain, int type, int protocol, std::string_view device);

/// A connected UDP socket with IP_RECVERR: ICMP errors, also the "soft" ones of RFC 1122 4.2.3.9, come back from recv(2).
[[nodiscard]] Result<Fd> open_udp_to(const SocketOpener& opener, const Endpoint& server, std::string_view device);

}  // namespace vpn_sentinel
