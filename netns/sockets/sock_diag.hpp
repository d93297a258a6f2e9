/// What those share that speak sock_diag (sock_diag(7), linux/inet_diag.h).
#pragma once

#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

/// Of a state of TCP (netinet/tcp.h) in a mask of states.
[[nodiscard]] constexpr std::uint32_t state_bit(unsigned state) noexcept { return 1U << state; }

/// Differs from a rtnetlink socket in its protocol only.
[[nodiscard]] Result<NetlinkSocket> open_diag(const SocketOpener& opener);

/// An address as inet_diag_sockid has it, in network order; an IPv4 one of an IPv6 socket (::ffff:0:0/96) is an IPv4 one.
[[nodiscard]] IpAddress diag_address(int family, const std::uint32_t (&words)[4]);

/// SOCK_DIAG_BY_FAMILY with NLM_F_DUMP for a request body of linux/inet_diag.h or linux/unix_diag.h, and attributes that follow it.
template <typename Body>
[[nodiscard]] std::vector<std::byte> diag_dump_request(const Body& body, std::uint32_t sequence,
                                                       std::span<const std::byte> attributes = {}) {
  static_assert(sizeof(Body) % NLMSG_ALIGNTO == 0);
  std::vector<std::byte> bytes(sizeof(nlmsghdr) + sizeof(Body));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(bytes.size() + attributes.size());
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  return bytes;
}

using TakeSocket = std::function<void(std::span<const std::byte> payload)>;
/// One dump to its end, each socket's message to `take`. The kernel builds its answers while we read: nothing is lost, however small the
/// receive buffer; what begins or ends meanwhile may be missing or come twice. unavailable: the kernel cannot list `what` sockets.
[[nodiscard]] Result<void> run_diag_dump(int fd, std::span<const std::byte> request, std::uint32_t sequence, MonoTime deadline,
                                         std::string_view what, const TakeSocket& take);

}  // namespace vpn_sentinel
