/// Programs that may write frames to a device themselves, past every route (packet sockets). Who has one is known, not whether he sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "probe/connections/flow_way.hpp"
#include "probe/connections/sighting.hpp"

namespace vpn_sentinel {

/// One process and one packet socket of it.
struct PacketSender {
  Program program;
  std::uint32_t link_index = 0;        ///< of the device that the socket is bound to; 0: it may send by any
  std::optional<std::uint32_t> uid{};  ///< of the socket's maker
};

/// Of the namespace of `opener`. Blocks for a walk through /proc where there are such sockets, until `deadline` at most. Errors as of
/// list_packet_sockets() and find_socket_owners().
[[nodiscard]] Result<std::vector<PacketSender>> find_packet_senders(const SocketOpener& opener, MonoTime deadline);

/// "tcpdump (pid 42) by eth0, dhclient (pid 7)": of those whose device is no tunnel, and with `uid` whose socket belongs to that user; at
/// most four. Empty: nobody. Pure.
[[nodiscard]] std::string shown_packet_senders(const std::vector<PacketSender>& senders, const FlowGround& ground,
                                               std::optional<std::uint32_t> uid = std::nullopt);

}  // namespace vpn_sentinel
