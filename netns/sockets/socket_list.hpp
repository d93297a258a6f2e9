/// Sockets as the kernel lists them (sock_diag(7)): which far ends a program's sockets have, and which file a listening one has.
/// A first question may make the kernel load inet_diag, tcp_diag, udp_diag or unix_diag, as ss(8) does. No capability is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// One TCP or UDP socket with a far end.
struct ConnectedSocket {
  std::uint32_t inode = 0;  ///< the number in /proc/PID/fd: "socket:[N]"
  Endpoint remote;          ///< IPv4 in an IPv6 socket (::ffff:0:0/96) is told as IPv4
  friend bool operator==(const ConnectedSocket&, const ConnectedSocket&) = default;
};

/// SOCK_DIAG_BY_FAMILY's answer, struct inet_diag_msg (linux/inet_diag.h); `payload` is what follows struct nlmsghdr. Pure.
[[nodiscard]] Result<ConnectedSocket> decode_connected_socket(std::span<const std::byte> payload);

/// Of the sockets with the given inodes (sorted) those that are connected: TCP established or being opened, UDP after connect(2). Asks for
/// all sockets of the namespace of `opener`, four times (TCP and UDP, IPv4 and IPv6): 0.1 ms, and 1 ms more for each thousand sockets.
/// Blocks; each question ends after a second at the latest. unavailable: the kernel has no sock_diag.
[[nodiscard]] Result<std::vector<ConnectedSocket>> list_connected_sockets(const SocketOpener& opener,
                                                                          std::span<const std::uint32_t> inodes);

/// One UDP socket that is bound and has no far end.
struct BoundSocket {
  std::uint32_t inode = 0;
  Endpoint local;  ///< 0.0.0.0 or ::, when it takes what comes to any address
  friend bool operator==(const BoundSocket&, const BoundSocket&) = default;
};
/// As decode_connected_socket(), with the near end. Pure.
[[nodiscard]] Result<BoundSocket> decode_bound_socket(std::span<const std::byte> payload);
/// Inodes of the sockets that a datagram to `address` reaches: those bound to it, or when there are none those bound to any address;
/// sorted, empty when nobody listens. Asks the namespace of `opener`, twice. Blocks and fails as list_connected_sockets().
[[nodiscard]] Result<std::vector<std::uint32_t>> list_udp_listeners(const SocketOpener& opener, const Endpoint& address);

/// A file's identity as the kernel writes it for a Unix socket (struct unix_diag_vfs).
struct SocketFile {
  std::uint32_t inode = 0;   ///< the lower 32 bits
  std::uint32_t device = 0;  ///< major << 20 | minor
  friend bool operator==(const SocketFile&, const SocketFile&) = default;
};
struct ListeningFile {
  std::uint32_t inode = 0;  ///< of the socket: the number in /proc/PID/fd
  SocketFile file;
};
/// struct unix_diag_msg with UNIX_DIAG_VFS (linux/unix_diag.h). Pure. not_found: a socket without a file.
[[nodiscard]] Result<ListeningFile> decode_listening_file(std::span<const std::byte> payload);

/// True when a socket that was made in the namespace of `opener` listens on exactly this file.
[[nodiscard]] Result<bool> has_listener(const SocketOpener& opener, const SocketFile& file);
/// The same for the sockets with the given inodes (sorted): the name alone may be another program's.
[[nodiscard]] Result<bool> listens_on_file(const SocketOpener& opener, std::span<const std::uint32_t> inodes, const SocketFile& file);

}  // namespace vpn_sentinel
