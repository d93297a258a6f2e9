#include "probe/serving/look_at_ports.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "netns/sockets/conntrack.hpp"
#include "netns/sockets/socket_table.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "probe/serving/port_sightings.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_tunnels = 16;
constexpr std::size_t most_tracked = 200'000;
constexpr std::chrono::seconds longest_list{3};

void add_note(std::string& notes, std::string_view note) { notes += notes.empty() ? std::string(note) : fmt::format("; {}", note); }

PortLook nobody_tells(ListenPort port, PeerSource source, std::string why) {
  PortLook look{port, source};
  look.cannot_look = std::move(why);
  return look;
}

bool is_udp(ListenPort port) { return port.protocol == IPPROTO_UDP; }

Result<SocketTable> sockets_of(const SocketOpener& opener, const std::vector<ListenPort>& ports) {
  SocketWish wish;
  wish.listening = wish.unconnected = true;
  wish.udp = std::ranges::any_of(ports, is_udp);
  wish.tcp = !std::ranges::all_of(ports, is_udp);
  for (const auto& port : ports) wish.local_ports.push_back(port.port);
  return list_sockets(opener, wish);
}

struct WireGuardDevices {
  std::vector<WireGuardDevice> devices;
  std::string gaps;  ///< tunnels that could not be asked, with why
};

WireGuardDevices wireguard_of(const NetNamespace& space, const ServingGround& ground, TunnelPrograms& programs, MonoTime not_before) {
  WireGuardDevices found;
  for (const auto& tunnel : ground.tunnels) {
    auto facts = read_tunnel_facts(space.opener(), space.identity(), tunnel.name, tunnel.kind, programs, not_before);
    if (facts.wireguard) {
      found.devices.push_back(std::move(*facts.wireguard));
    } else if (!facts.gaps.empty()) {
      add_note(found.gaps, fmt::format("{}: {}", tunnel.name, facts.gaps.front().message));
    }
  }
  if (ground.left_out > 0) add_note(found.gaps, fmt::format("{} more tunnels are not asked", ground.left_out));
  return found;
}

/// What connection tracking and sockets tell of a port of UDP; an Error: no connection tracking, with why.
PortLook tracked_clients(ListenPort port, const Result<ConntrackTable>& tracked, const Result<SocketTable>& sockets,
                         const ServingGround& ground, bool tracks) {
  auto look =
      tracked ? udp_clients(port, *tracked, ground.own, tracks) : nobody_tells(port, PeerSource::conntrack, tracked.error().message);
  if (look.peers.empty() && sockets && !waits_for_udp(port, *sockets)) {
    const auto nobody = fmt::format("nothing waits on {} in this namespace", port.to_string());
    if (look.cannot_look.empty()) {
      add_note(look.note, nobody);
    } else {
      look.cannot_look = nobody;
    }
  }
  return look;
}

PortLook udp_look(PortLook tracked, const WireGuardDevices& wireguard, WallTime now) {
  const auto serves = std::ranges::find(wireguard.devices, tracked.port.port, &WireGuardDevice::listen_port);
  if (serves == wireguard.devices.end()) {
    if (!wireguard.gaps.empty()) add_note(tracked.note, "whether WireGuard serves it is not known: " + wireguard.gaps);
    return tracked;
  }
  // Who knows the clients' keys knows best; but whom it did not answer only connection tracking tells.
  auto look = wireguard_clients(tracked.port, *serves, now);
  look.unanswered = tracked.unanswered;
  if (!look.unanswered) look.note = "tries that WireGuard did not answer are not seen: " + tracked.cannot_look;
  return look;
}

}  // namespace

ServingGround serving_ground(const Snapshot& snapshot) {
  ServingGround ground;
  for (const auto& own : snapshot.addresses) ground.own.push_back(own.address);
  std::ranges::sort(ground.own);
  for (const auto& link : snapshot.links) {
    if (link.kind != "wireguard" && link.kind != "tun") continue;
    if (ground.tunnels.size() < most_tunnels) {
      ground.tunnels.push_back({link.name, link.kind});
    } else {
      ++ground.left_out;
    }
  }
  return ground;
}

PortLooker::PortLooker(NetNamespace space, std::vector<ListenPort> ports) : space_(std::move(space)), ports_(std::move(ports)) {}

std::vector<PortLook> PortLooker::look(const ServingGround& ground, TunnelPrograms& programs, MonoTime not_before) {
  const auto opener = space_.opener();
  const auto sockets = sockets_of(opener, ports_);
  const bool any_udp = std::ranges::any_of(ports_, is_udp);
  std::optional<Result<ConntrackTable>> tracked;
  WireGuardDevices wireguard;
  if (any_udp) {
    // Others take no room: those of a busy router would leave none to the clients.
    tracked = list_tracked_connections(opener, most_tracked, longest_list,
                                       [this](const TrackedConnection& connection) { return is_of_port(connection, ports_); });
    tracks_ = tracks_ || (*tracked && !(*tracked)->empty);
    wireguard = wireguard_of(space_, ground, programs, not_before);
  }
  const auto now = wall_now();
  std::vector<PortLook> looks;
  for (const auto& port : ports_) {
    if (is_udp(port)) {
      looks.push_back(udp_look(tracked_clients(port, *tracked, sockets, ground, tracks_), wireguard, now));
    } else {
      looks.push_back(sockets ? tcp_clients(port, *sockets) : nobody_tells(port, PeerSource::sock_diag, sockets.error().message));
    }
  }
  return looks;
}

}  // namespace vpn_sentinel
