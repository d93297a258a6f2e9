/// Who is connected to a port, out of what kernel and programs list. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/sockets/conntrack.hpp"
#include "netns/sockets/socket_table.hpp"
#include "netns/sockets/wireguard.hpp"
#include "probe/serving/peer_sighting.hpp"

namespace vpn_sentinel {

/// Of one port in one look.
inline constexpr std::size_t most_peers_looked_at = most_wireguard_peers;
/// WireGuard drops everything 180 s after a handshake (REJECT_AFTER_TIME of the protocol): whoever had none since then is not connected. A
/// client without keepalive that sends nothing counts as gone until it sends again.
inline constexpr std::chrono::seconds handshake_lasts{180};

/// All peers of the interface, those connected by their handshake. A handshake in the future (the clock was set back) is none: who sends
/// shakes hands again within two minutes.
[[nodiscard]] PortLook wireguard_clients(ListenPort port, const WireGuardDevice& device, WallTime now);

/// `table` as list_sockets() tells it with `listening`. Where nothing listens on the port its connections are somebody's own ones to
/// others, and it cannot be told who is connected.
[[nodiscard]] PortLook tcp_clients(ListenPort port, const SocketTable& table);

/// It has to do with one of the ports, whoever is behind it.
[[nodiscard]] bool is_of_port(const TrackedConnection& connection, std::span<const ListenPort> ports);

/// What of UDP a namespace itself is the server of: packets to one of `own` addresses (sorted) and that port, also where they are handed on
/// to another one, and what the server began from that port. cannot_look: the kernel tracks nothing here; `tracks` when it is known
/// otherwise that it does, so that an empty table means that nobody is connected.
[[nodiscard]] PortLook udp_clients(ListenPort port, const ConntrackTable& table, std::span<const IpAddress> own, bool tracks);

/// A UDP socket without a far end waits on the port.
[[nodiscard]] bool waits_for_udp(ListenPort port, const SocketTable& table);

}  // namespace vpn_sentinel
