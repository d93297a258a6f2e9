/// Sockets of the namespace that a benchmark runs in.
#pragma once

#include <sys/socket.h>

#include <cerrno>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

inline Result<Fd> open_here(int domain, int type, int protocol) {
  Fd socket{::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
  if (!socket) return fail(system_error(errno, "socket"));
  return socket;
}

}  // namespace vpn_sentinel
