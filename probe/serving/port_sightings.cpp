#include "probe/serving/port_sightings.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds clock_tolerance{5};

void add(PortLook& look, PeerSighting seen) {
  if (look.peers.size() < most_peers_looked_at) {
    look.peers.push_back(std::move(seen));
  } else {
    ++look.left_out;
  }
}

bool shook_hands_lately(const WireGuardPeer& peer, WallTime now) {
  return peer.last_handshake && *peer.last_handshake <= now + clock_tolerance && now - *peer.last_handshake <= handshake_lasts;
}

bool is_own(const IpAddress& address, std::span<const IpAddress> own) {
  return address.is_loopback() || std::ranges::binary_search(own, address);
}

/// A connection of the port seen from the server: the client, and which direction is the client's.
struct Served {
  Endpoint client;
  bool client_began = true;
};

std::optional<Served> served(const TrackedConnection& connection, ListenPort port, std::span<const IpAddress> own) {
  const auto is_server = [&](const Endpoint& end) { return end.port == port.port && is_own(end.address, own); };
  const auto& original = connection.original;
  // The reply's source is where the packets really went, the original's destination whom the client called.
  if (is_server(original.destination) || is_server(connection.reply.source)) return Served{original.source, true};
  // WireGuard calls its clients, too.
  if (is_server(original.source)) return Served{original.destination, false};
  return std::nullopt;
}

PeerSighting sighting_of(const TrackedConnection& connection, const Served& found) {
  PeerSighting seen{found.client};
  if (connection.counted) {
    const auto& from_client = found.client_began ? connection.original : connection.reply;
    const auto& to_client = found.client_began ? connection.reply : connection.original;
    seen.bytes = PeerBytes{from_client.bytes, to_client.bytes};
  }
  return seen;
}

}  // namespace

std::string_view to_string(PeerSource source) {
  switch (source) {
    case PeerSource::wireguard:
      return "wireguard";
    case PeerSource::sock_diag:
      return "sock_diag";
    case PeerSource::conntrack:
      break;
  }
  return "conntrack";
}

PortLook wireguard_clients(ListenPort port, const WireGuardDevice& device, WallTime now) {
  PortLook look{port, PeerSource::wireguard};
  for (const auto& peer : device.peers) {
    add(look, PeerSighting{peer.endpoint.value_or(Endpoint{}), peer.public_key, 0, PeerBytes{peer.rx_bytes, peer.tx_bytes},
                           shook_hands_lately(peer, now)});
  }
  return look;
}

PortLook tcp_clients(ListenPort port, const SocketTable& table) {
  PortLook look{port, PeerSource::sock_diag};
  bool listens = false;
  for (const auto& entry : table.sockets) {
    if (entry.protocol != IPPROTO_TCP || entry.local.port != port.port) continue;
    listens = listens || entry.state == SocketState::listening;
    // Before that a connection is a try, and after it nothing comes from there any more.
    if (entry.state != SocketState::established && entry.state != SocketState::fin_wait1 && entry.state != SocketState::fin_wait2) continue;
    PeerSighting seen{entry.remote, {}, entry.cookie};
    if (entry.counters) seen.bytes = PeerBytes{entry.counters->received, entry.counters->acknowledged};
    add(look, std::move(seen));
  }
  if (!listens) {
    look.peers.clear();
    look.left_out = 0;
    look.cannot_look = fmt::format("nothing listens on {} in this namespace", port.to_string());
  }
  // More sockets than are listed: some of them may be of this port.
  look.left_out += table.left_out;
  return look;
}

bool is_of_port(const TrackedConnection& connection, std::span<const ListenPort> ports) {
  return std::ranges::any_of(ports, [&connection](ListenPort port) {
    const auto& original = connection.original;
    return connection.protocol == port.protocol &&
           (original.destination.port == port.port || connection.reply.source.port == port.port || original.source.port == port.port);
  });
}

PortLook udp_clients(ListenPort port, const ConntrackTable& table, std::span<const IpAddress> own, bool tracks) {
  PortLook look{port, PeerSource::conntrack};
  if (table.connections.empty() && table.empty && !tracks) {
    look.cannot_look =
        "the kernel tracks no connection here: no rule of the namespace uses their state (nft \"ct state\", NAT); any rule that does makes "
        "it, "
        "such as 'ct state new counter' in a chain of the hook input";
    return look;
  }
  look.unanswered = 0;
  bool uncounted = false;
  for (const auto& connection : table.connections) {
    if (connection.protocol != IPPROTO_UDP) continue;
    const auto found = served(connection, port, own);
    if (!found) continue;
    if (!connection.assured) {
      ++*look.unanswered;
      continue;
    }
    uncounted = uncounted || !connection.counted;
    add(look, sighting_of(connection, *found));
  }
  look.left_out += table.left_out;
  if (uncounted) look.note = "some have no bytes: net.netfilter.nf_conntrack_acct was off when they began (the probe never switches it on)";
  return look;
}

bool waits_for_udp(ListenPort port, const SocketTable& table) {
  return std::ranges::any_of(table.sockets, [port](const SocketEntry& entry) {
    return entry.protocol == IPPROTO_UDP && entry.local.port == port.port && entry.remote.port == 0;
  });
}

}  // namespace vpn_sentinel
