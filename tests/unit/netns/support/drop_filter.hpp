/// A socket filter that drops everything: a kernel that never answers.
#pragma once

#include <linux/filter.h>
#include <sys/socket.h>

#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// Sockets of `opener` that receive nothing.
inline SocketOpener deaf(SocketOpener opener) {
  return [opener = std::move(opener)](int domain, int type, int protocol) {
    auto socket = opener(domain, type, protocol);
    sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{1, &drop};
    if (socket) ::setsockopt(socket->get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    return socket;
  };
}

}  // namespace vpn_sentinel
