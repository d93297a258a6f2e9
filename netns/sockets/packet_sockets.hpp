/// Packet sockets (packet(7)): by these a program writes frames to a device itself, past every route, so that no list of connections has
/// what they send. The kernel tells who has one, not whether anything was sent by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

struct PacketSocket {
  std::uint32_t inode = 0;             ///< the number in /proc/PID/fd: "socket:[N]"
  std::uint32_t link_index = 0;        ///< of the device that it is bound to; 0: of none, it names one with each frame
  std::optional<std::uint32_t> uid{};  ///< of its maker; absent: not told
  friend bool operator==(const PacketSocket&, const PacketSocket&) = default;
};

/// struct packet_diag_msg and its attributes (linux/packet_diag.h); `payload` is what follows struct nlmsghdr. Attributes of a wrong size
/// count as absent. Pure.
[[nodiscard]] Result<PacketSocket> decode_packet_socket(std::span<const std::byte> payload);

/// Of the namespace of `opener`, 4096 at most. No capability is needed. Blocks for as long as list_connected_sockets(). unavailable: the
/// kernel cannot list them (CONFIG_PACKET_DIAG).
[[nodiscard]] Result<std::vector<PacketSocket>> list_packet_sockets(const SocketOpener& opener);

}  // namespace vpn_sentinel
