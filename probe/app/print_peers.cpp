#include "probe/app/print_peers.hpp"

#include <fmt/format.h>

#include "probe/app/print_connections.hpp"
#include "probe/app/report_peers.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Enough of a key to tell clients apart.
constexpr std::size_t short_key = 12;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string print_port(const PortView& port, const Style& style) {
  const auto name = fmt::format("  {:<10}", port.port.to_string());
  if (!port.connected) return name + paint("not known", "33", style) + ": " + port.why + "\n";
  auto text = name + fmt::format("{} connected, told by {}", *port.connected, to_string(port.source));
  if (port.unanswered) text += fmt::format(", {} not answered", *port.unanswered);
  return text + (port.note.empty() ? "\n" : fmt::format(" ({})\n", port.note));
}

}  // namespace

std::string print_ports(const std::string& target, const ServingView& view, const Style& style) {
  auto text = target + "\n";
  for (const auto& port : view.ports) text += print_port(port, style);
  if (view.no_room > 0) text += fmt::format("there are too many clients: {} were not kept, or forgotten too soon\n", view.no_room);
  return text;
}

std::string print_peers_heading(const Style& style) {
  return paint(fmt::format("{:<10} {:<24} {:<12} {:>6} {:>6} {:<28} {}", "Port", "From", "Key", "In", "Out", "Since", "State"), "1",
               style) +
         "\n";
}

std::string print_peer(const KnownPeer& peer, const PeersTold& told, const Style& style) {
  const bool full = told.detail == DestinationDetail::full;
  const auto bytes = [&peer](std::uint64_t PeerBytes::*part) { return peer.bytes ? shown_amount((*peer.bytes).*part) : std::string("-"); };
  const auto key = full ? peer.public_key.substr(0, short_key) : std::string();
  const auto state = peer.ended ? paint("ended " + to_rfc3339(*peer.ended), "2", style) : paint("connected", "32", style);
  return fmt::format("{:<10} {:<24} {:<12} {:>6} {:>6} {:<28} {}{}\n", peer.port.to_string(),
                     or_dash(shown_client(peer.far, told.detail, told.database)), or_dash(key), bytes(&PeerBytes::in),
                     bytes(&PeerBytes::out), to_rfc3339(peer.since), state, peer.since_before ? ", perhaps since earlier" : "");
}

std::string print_blocked(const ServingView& view, const PeersTold& told) {
  if (!view.blocked_since) return fmt::format("blocked tries are not seen: {}\n", view.blocked_why);
  auto text = fmt::format("{} packets for these ports were logged by firewall rules since {}\n", view.blocked_packets,
                          to_rfc3339(*view.blocked_since));
  if (view.blocked_lost > 0) text += fmt::format("{} more were logged, too many to be told; perhaps for these ports\n", view.blocked_lost);
  if (view.blocked_no_room > 0) text += fmt::format("{} of them came from addresses that there was no room for\n", view.blocked_no_room);
  for (const auto& from : view.blocked_from) {
    text += fmt::format("  {:<10} {:<24} {} packets, last {}\n", from.port.to_string(),
                        or_dash(shown_client({from.address, 0}, told.detail, told.database)), from.packets, to_rfc3339(from.last));
  }
  return text;
}

json peer_json(const KnownPeer& peer, const PeersTold& told) {
  json value{{"port", peer.port.to_string()},
             {"told_by", to_string(peer.source)},
             {"since", to_rfc3339(peer.since)},
             {"since_before", peer.since_before},
             {"connected", !peer.ended}};
  if (auto from = shown_client(peer.far, told.detail, told.database); !from.empty()) value["from"] = std::move(from);
  if (!peer.public_key.empty() && told.detail == DestinationDetail::full) value["key"] = peer.public_key;
  if (peer.bytes) value["bytes"] = {{"in", peer.bytes->in}, {"out", peer.bytes->out}};
  if (peer.ended) value["ended"] = to_rfc3339(*peer.ended);
  return value;
}

json blocked_json(const BlockedFrom& from, const PeersTold& told) {
  json value{
      {"port", from.port.to_string()}, {"packets", from.packets}, {"first", to_rfc3339(from.first)}, {"last", to_rfc3339(from.last)}};
  if (auto shown = shown_client({from.address, 0}, told.detail, told.database); !shown.empty()) value["from"] = std::move(shown);
  return value;
}

json peers_json(const std::string& target, const ServingView& view, const PeersTold& told) {
  json value{
      {"target", target}, {"ports", json::array()}, {"peers", json::array()}, {"not_listed", view.not_listed}, {"no_room", view.no_room}};
  for (const auto& port : view.ports) {
    json object{{"port", port.port.to_string()}, {"told_by", to_string(port.source)}};
    if (port.connected) object["connected"] = *port.connected;
    if (port.unanswered) object["unanswered"] = *port.unanswered;
    if (!port.why.empty()) object["why"] = port.why;
    if (!port.note.empty()) object["note"] = port.note;
    value["ports"].push_back(std::move(object));
  }
  for (const auto& peer : view.peers) value["peers"].push_back(peer_json(peer, told));
  auto& blocked = value["blocked"];
  if (!view.blocked_since) {
    blocked["why"] = view.blocked_why;
    return value;
  }
  blocked = {{"since", to_rfc3339(*view.blocked_since)},
             {"packets", view.blocked_packets},
             {"lost", view.blocked_lost},
             {"no_room", view.blocked_no_room}};
  blocked["from"] = json::array();
  for (const auto& from : view.blocked_from) blocked["from"].push_back(blocked_json(from, told));
  return value;
}

}  // namespace vpn_sentinel
