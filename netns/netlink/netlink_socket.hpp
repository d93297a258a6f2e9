/// Sending and receiving on a non-blocking NETLINK_ROUTE socket (netlink(7)). EINTR is handled here and nowhere else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// Room for the largest datagram that the kernel builds for a dump (32 KiB since Linux 4.6); an event is much smaller.
inline constexpr std::size_t netlink_datagram_size = 32768;

struct NetlinkSocket {
  Fd fd;
  std::uint32_t port = 0;  ///< our own address: replies to our requests carry it
};

/// `groups`: bit N-1 for RTNLGRP_N; groups that an older kernel lacks are left out by it.
[[nodiscard]] Result<NetlinkSocket> open_netlink(const SocketOpener& opener, std::uint32_t groups);

/// Asks for `bytes` of receive buffer beyond the system's limit; without CAP_NET_ADMIN it becomes what net.core.rmem_max allows.
void grow_receive_buffer(int fd, int bytes) noexcept;

[[nodiscard]] Result<void> send_netlink(int fd, std::span<const std::byte> request);

/// What one recvmsg(2) brought.
struct Datagram {
  enum class Outcome {
    data,     ///< `bytes` came from the kernel
    foreign,  ///< from another process: to be ignored
    empty,    ///< nothing is waiting
    overrun,  ///< ENOBUFS, or a datagram longer than the buffer: messages were lost, the socket goes on
    failed,   ///< the socket is of no more use: `code` is the errno value
  };
  Outcome outcome = Outcome::empty;
  std::span<const std::byte> bytes;
  int code = 0;
};
[[nodiscard]] Datagram receive_netlink(int fd, std::span<std::byte> buffer) noexcept;

/// Up to `into.size()` waiting datagrams by one recvmmsg(2), each into its own equal part of `buffer`. Returns how many of `into` were
/// filled, at least one: the first tells it when there is nothing or the socket is of no more use.
[[nodiscard]] std::size_t receive_netlink(int fd, std::span<std::byte> buffer, std::span<Datagram> into) noexcept;

/// Waits until something can be read; timed_out when `deadline` comes first.
[[nodiscard]] Result<void> wait_readable(int fd, MonoTime deadline);

/// What one datagram brought: true when the answer is complete with it.
using TakeDatagram = std::function<Result<bool>(std::span<const std::byte> datagram)>;
/// Receives the kernel's datagrams into `buffer` until `take` has the whole answer. Its Error ends it too; else failed or overrun, with
/// `what` was being done, when the socket is of no more use, and timed_out when `deadline` comes first, even while more arrives.
[[nodiscard]] Result<void> receive_answer(int fd, std::span<std::byte> buffer, MonoTime deadline, std::string_view what,
                                          const TakeDatagram& take);

}  // namespace vpn_sentinel
