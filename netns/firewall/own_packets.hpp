/// Packets of this process can be told from all others: they have a priority (SO_PRIORITY) that it chose at random when it started. Unlike
/// a mark it changes no route; and only who has CAP_NET_ADMIN may set one above 6, so that no ordinary program can hide behind it.
#pragma once

#include <cstdint>

#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// The same for the life of the process, never 0. Its upper half is no handle that traffic control gives by itself.
[[nodiscard]] std::uint32_t own_priority();

/// Gives IPv4 and IPv6 sockets of `opener` this priority. Without CAP_NET_ADMIN in their namespace they stay as they are: then nobody
/// counts either.
[[nodiscard]] SocketOpener with_own_priority(SocketOpener opener);

}  // namespace vpn_sentinel
