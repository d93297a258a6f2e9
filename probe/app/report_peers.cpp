#include "probe/app/report_peers.hpp"

#include <algorithm>
#include <limits>

#include "probe/app/print_connections.hpp"

namespace vpn_sentinel {
namespace {

std::uint32_t small(std::size_t number) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(number, std::numeric_limits<std::uint32_t>::max()));
}

ListenPortReport port_report(const PortView& view) {
  ListenPortReport report{view.port.to_string(), std::string(to_string(view.source)), {}, {}, view.connected ? view.note : view.why};
  if (view.connected) report.connected = small(*view.connected);
  if (view.unanswered) report.unanswered = small(*view.unanswered);
  return report;
}

PeerReport peer_report(const KnownPeer& peer, DestinationDetail detail, const GeoDatabase* database) {
  PeerReport report{peer.port.to_string(), shown_client(peer.far, detail, database), {}, peer.since, peer.since_before, {}, {}};
  // A key says who it is, wherever he is.
  if (detail == DestinationDetail::full) report.key = peer.public_key;
  if (peer.bytes) {
    report.rx_bytes = peer.bytes->in;
    report.tx_bytes = peer.bytes->out;
  }
  return report;
}

}  // namespace

std::string shown_client(const Endpoint& far, DestinationDetail detail, const GeoDatabase* database) {
  if (detail == DestinationDetail::none || far == Endpoint{}) return {};
  const bool needs_facts = detail == DestinationDetail::country && database != nullptr;
  return shown_destination(far, needs_facts ? database->find(far.address) : AddressFacts{}, detail);
}

PeersReport peers_report(const ServingView& view, DestinationDetail detail, const GeoDatabase* database) {
  PeersReport report;
  std::size_t connected = 0;
  bool all_tell = true;
  for (const auto& port : view.ports) {
    report.ports.push_back(port_report(port));
    connected += port.connected.value_or(0);
    all_tell = all_tell && port.connected;
  }
  if (all_tell) report.connected = small(connected);
  for (const auto& peer : view.peers) report.list.push_back(peer_report(peer, detail, database));
  report.not_listed = small(view.not_listed);
  report.blocked_since = view.blocked_since;
  report.blocked_packets = view.blocked_packets;
  report.blocked_lost = view.blocked_lost;
  return report;
}

}  // namespace vpn_sentinel
