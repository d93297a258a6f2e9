#include "probe/serving/serving_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

PortView view_of(const PortLook& look) {
  PortView view{look.port, look.source, {}, look.unanswered, look.cannot_look, look.note};
  if (!look.cannot_look.empty()) return view;
  view.connected = static_cast<std::size_t>(std::ranges::count_if(look.peers, &PeerSighting::connected));
  if (look.left_out > 0) {
    view.note += fmt::format("{}there are too many, {} more were not looked at", view.note.empty() ? "" : "; ", look.left_out);
  }
  return view;
}

}  // namespace

ServingState::ServingState(const std::vector<ListenPort>& ports) : blocked_(ports) {
  for (const auto& port : ports) ports_.push_back(PortView{port});
  cannot_look("nobody has looked yet");
}

void ServingState::take(const std::vector<PortLook>& looks, WallTime wall, MonoTime now) {
  for (std::size_t i = 0; i < looks.size() && i < ports_.size(); ++i) {
    table_.take(looks[i], wall, now);
    ports_[i] = view_of(looks[i]);
  }
  table_.age(now);
  blocked_.age(now);
}

void ServingState::cannot_look(const std::string& why) {
  for (auto& view : ports_) view = PortView{view.port, view.source, {}, {}, why, {}};
}

void ServingState::take_blocked(const NflogListener::Heard& heard, WallTime wall, MonoTime now) {
  blocked_.take(heard.packets, heard.lost, wall, now);
}

void ServingState::begin_blocked(WallTime wall) {
  std::vector<ListenPort> ports;
  for (const auto& view : ports_) ports.push_back(view.port);
  blocked_ = BlockedTries(std::move(ports));
  blocked_since_ = wall;
}

void ServingState::end_blocked(std::string why) {
  blocked_since_.reset();
  blocked_why_ = std::move(why);
}

ServingView ServingState::view(std::size_t most_peers, std::size_t most_tries, bool ended) const {
  ServingView view;
  view.ports = ports_;
  std::size_t connected = 0;
  for (const auto& port : ports_) connected += port.connected.value_or(0);
  std::size_t listed = 0;
  for (const auto* peer : table_.peers()) {
    if (view.peers.size() == most_peers || (peer->ended && !ended)) break;
    view.peers.push_back(*peer);
    if (!peer->ended) ++listed;
  }
  view.not_listed = connected - std::min(connected, listed);
  view.no_room = table_.no_room();
  view.blocked_since = blocked_since_;
  view.blocked_why = blocked_why_;
  if (!blocked_since_) return view;
  view.blocked_packets = blocked_.packets();
  view.blocked_no_room = blocked_.no_room();
  view.blocked_lost = blocked_.lost();
  view.blocked_from = blocked_.from(most_tries);
  return view;
}

}  // namespace vpn_sentinel
