/// Socket filters that drop everything (a kernel that never answers), or the messages of one type (a kernel that keeps them to itself).
#pragma once

#include <arpa/inet.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

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

/// Sockets of `opener` that never hear of netlink messages of `type`.
inline SocketOpener deaf_to(std::uint16_t type, SocketOpener opener) {
  return [type, opener = std::move(opener)](int domain, int kind, int protocol) {
    auto socket = opener(domain, kind, protocol);
    // nlmsg_type; filters read in network order.
    std::array<sock_filter, 4> code{{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
    const sock_fprog program{code.size(), code.data()};
    if (socket) ::setsockopt(socket->get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    return socket;
  };
}

}  // namespace vpn_sentinel
