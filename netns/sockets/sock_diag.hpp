/// What those share that speak sock_diag (sock_diag(7), linux/inet_diag.h).
#pragma once

#include <cstdint>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

/// Differs from a rtnetlink socket in its protocol only.
[[nodiscard]] Result<NetlinkSocket> open_diag(const SocketOpener& opener);

/// An address as inet_diag_sockid has it, in network order; an IPv4 one of an IPv6 socket (::ffff:0:0/96) is an IPv4 one.
[[nodiscard]] IpAddress diag_address(int family, const std::uint32_t (&words)[4]);

}  // namespace vpn_sentinel
