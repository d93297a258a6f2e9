/// All TCP and UDP sockets of a namespace with everything that the kernel tells about them (sock_diag(7), linux/inet_diag.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// idiag_state, as the kernel numbers it (include/net/tcp_states.h). UDP has established (connected) and closed (no far end) only.
enum class SocketState : std::uint8_t {
  unknown = 0,
  established = 1,
  syn_sent = 2,
  syn_received = 3,
  fin_wait1 = 4,
  fin_wait2 = 5,
  time_wait = 6,
  closed = 7,
  close_wait = 8,
  last_ack = 9,
  listening = 10,
  closing = 11,
};

/// Of struct tcp_info, in bytes of the stream, without headers.
struct TcpCounters {
  std::uint64_t acknowledged = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;  ///< with what was sent again; 0 before Linux 4.19
  friend bool operator==(const TcpCounters&, const TcpCounters&) = default;
};

struct SocketEntry {
  int family = 0;             ///< of the socket: AF_INET, AF_INET6
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, IPPROTO_UDP
  SocketState state = SocketState::unknown;
  Endpoint local;                         ///< IPv4 in an IPv6 socket is told as IPv4
  Endpoint remote;                        ///< port 0: no far end
  std::uint32_t link_index = 0;           ///< of the device that it is bound to; 0: none
  std::uint32_t uid = 0;                  ///< of the socket's maker
  std::uint32_t inode = 0;                ///< the number in /proc/PID/fd; 0: no process has it (any more)
  std::uint64_t cookie = 0;               ///< the kernel's own name of the socket, never given twice
  std::optional<std::uint32_t> mark{};    ///< SO_MARK; absent: not told, which takes CAP_NET_ADMIN in the namespace
  std::optional<TcpCounters> counters{};  ///< absent: UDP, or not asked for
  friend bool operator==(const SocketEntry&, const SocketEntry&) = default;
};

/// struct inet_diag_msg and its attributes; `payload` is what follows struct nlmsghdr. Attributes of a wrong size count as absent, struct
/// tcp_info of an older kernel as far as it goes. Pure.
[[nodiscard]] Result<SocketEntry> decode_socket_entry(std::span<const std::byte> payload, std::uint8_t protocol);

inline constexpr std::size_t most_local_ports = 64;

struct SocketWish {
  bool tcp = true;
  bool udp = true;
  bool counters = true;              ///< INET_DIAG_INFO: half as much time again
  bool unconnected = false;          ///< UDP sockets without a far end, too
  std::optional<Endpoint> remote{};  ///< only with this far end: the kernel leaves the others out
  bool listening = false;            ///< TCP sockets that listen, too
  /// Only with one of these near ports, likewise; empty: any. At most most_local_ports; not together with `remote`, which goes before it.
  std::vector<std::uint16_t> local_ports{};
  std::size_t most = 200'000;                ///< of each socket about 100 bytes are kept
  std::chrono::milliseconds patience{3000};  ///< for all questions together
};
struct SocketTable {
  std::vector<SocketEntry> sockets;
  std::size_t left_out = 0;  ///< beyond SocketWish::most
};

/// What is connected, being opened or not wholly closed yet; neither listening (unless asked for) nor TIME_WAIT (which nobody owns). Not
/// one moment: what begins or ends meanwhile may be missing or come twice (the same cookie). No capability is needed. Blocks: 1.1-1.6 µs
/// each with counters. unavailable: the kernel has no sock_diag.
[[nodiscard]] Result<SocketTable> list_sockets(const SocketOpener& opener, const SocketWish& wish);

}  // namespace vpn_sentinel
