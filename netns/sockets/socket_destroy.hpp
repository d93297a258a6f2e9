/// Ending connections of other programs (SOCK_DESTROY, linux/sock_diag.h): the program gets ECONNABORTED.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// A TCP connection, or a UDP socket with a far end. IPv4 in an IPv6 socket is told as IPv4.
struct OpenConnection {
  int family = 0;             ///< of the socket: AF_INET, AF_INET6
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, IPPROTO_UDP
  Endpoint local;
  Endpoint remote;
  std::uint32_t link_index = 0;  ///< of the device that it is bound to; 0: none
  std::uint32_t uid = 0;
  std::uint64_t cookie = 0;  ///< the kernel's own name of the socket
  /// Of the socket (SO_MARK); empty: the kernel did not tell, which takes CAP_NET_ADMIN.
  std::optional<std::uint32_t> mark{};
  friend bool operator==(const OpenConnection&, const OpenConnection&) = default;
};

/// struct inet_diag_msg (linux/inet_diag.h); `payload` is what follows struct nlmsghdr. Pure. not_found: it has no far end.
[[nodiscard]] Result<OpenConnection> decode_open_connection(std::span<const std::byte> payload, std::uint8_t protocol);

/// All of the namespace of `opener`, at most `most`. Takes about 1 ms for each thousand sockets; blocks, at the most for a second.
[[nodiscard]] Result<std::vector<OpenConnection>> list_open_connections(const SocketOpener& opener, std::size_t most);

struct Destroyed {
  std::size_t closed = 0;   ///< one that had ended meanwhile is none
  std::size_t refused = 0;  ///< of sorts that the kernel cannot end
};
/// Ends them one by one, 36-60 µs each. not_permitted: CAP_NET_ADMIN is missing in the namespace; unavailable: the kernel was built without
/// CONFIG_INET_DIAG_DESTROY.
[[nodiscard]] Result<Destroyed> destroy_connections(const SocketOpener& opener, std::span<const OpenConnection> connections);

}  // namespace vpn_sentinel
