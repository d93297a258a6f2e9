#include "probe/serving/peer_table.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

/// What came since `base`; the counters begin anew with the interface.
PeerBytes since(const PeerBytes& bytes, PeerBytes& base) {
  if (bytes.in < base.in || bytes.out < base.out) base = {};
  return {bytes.in - base.in, bytes.out - base.out};
}

}  // namespace

PeerTable::Name PeerTable::name_of(const PortLook& look, const PeerSighting& seen) {
  Name name{look.port, seen.public_key, seen.cookie, {}};
  if (seen.public_key.empty() && seen.cookie == 0) name.far = seen.far;
  return name;
}

/// Bounded by what is listed of one interface, for each port.
void PeerTable::remember_silent(const PortLook& look) {
  std::erase_if(silent_, [&look](const auto& item) { return item.first.port == look.port; });
  for (const auto& seen : look.peers) {
    if (!seen.connected && seen.bytes) silent_.insert_or_assign(name_of(look, seen), *seen.bytes);
  }
}

std::optional<PeerBytes> PeerTable::forget_silent(const Name& name) {
  const auto found = silent_.find(name);
  if (found == silent_.end()) return std::nullopt;
  const auto bytes = found->second;
  silent_.erase(found);
  return bytes;
}

/// Who has ended is given up first; who lasts is not, so that a flood of new ones cannot hide him.
bool PeerTable::make_room() {
  if (peers_.size() < bounds_.most) return true;
  const auto before = peers_.size();
  std::erase_if(peers_, [](const auto& item) { return item.second.peer.ended.has_value(); });
  no_room_ += before - peers_.size();
  if (peers_.size() < bounds_.most) return true;
  ++no_room_;
  return false;
}

void PeerTable::take_peer(const PortLook& look, const PeerSighting& seen, WallTime wall, MonoTime now, bool first) {
  auto name = name_of(look, seen);
  auto at = peers_.find(name);
  // What ended and came again is another stay.
  if (at == peers_.end() || at->second.peer.ended) {
    if (at == peers_.end()) {
      if (!make_room()) return;
      at = peers_.emplace(std::move(name), Entry{}).first;
    }
    const auto silent = forget_silent(at->first);
    at->second = Entry{};
    at->second.peer = {look.port, look.source, seen.far, seen.public_key, {}, wall, first, {}};
    // Known to be silent before: it came between two looks, however long nobody had looked.
    if (silent) at->second.base = *silent;
  }
  auto& entry = at->second;
  entry.look = looks_;
  entry.seen = now;
  entry.peer.source = look.source;
  entry.peer.far = seen.far;
  if (seen.bytes) entry.peer.bytes = since(*seen.bytes, entry.base);
}

void PeerTable::end_missing(const PortLook& look, WallTime wall, MonoTime now) {
  for (auto at = peers_.lower_bound(Name{look.port, {}, 0, {}}); at != peers_.end() && at->first.port == look.port; ++at) {
    auto& entry = at->second;
    if (entry.look == looks_ || entry.peer.ended) continue;
    entry.peer.ended = wall;
    entry.ended = now;
  }
}

void PeerTable::take(const PortLook& look, WallTime wall, MonoTime now) {
  if (!look.cannot_look.empty()) {
    told_by_.erase(look.port);
    return;
  }
  ++looks_;
  const auto told = told_by_.find(look.port);
  // Another source has other names for the same clients.
  const bool first = told == told_by_.end() || told->second != look.source;
  for (const auto& seen : look.peers) {
    if (seen.connected) take_peer(look, seen, wall, now, first);
  }
  remember_silent(look);
  if (look.left_out > 0) {
    told_by_.erase(look.port);
  } else {
    told_by_.insert_or_assign(look.port, look.source);
    end_missing(look, wall, now);
  }
}

void PeerTable::age(MonoTime now) {
  std::erase_if(peers_, [&](const auto& item) {
    const auto& entry = item.second;
    return entry.peer.ended ? now - entry.ended > bounds_.keep_ended : now - entry.seen > bounds_.keep_unseen;
  });
}

std::vector<const KnownPeer*> PeerTable::peers() const {
  std::vector<const KnownPeer*> all;
  all.reserve(peers_.size());
  for (const auto& [name, entry] : peers_) all.push_back(&entry.peer);
  const auto rank = [](const KnownPeer* peer) {
    return std::pair(peer->ended.has_value(), ~(peer->bytes ? peer->bytes->in + peer->bytes->out : 0));
  };
  std::ranges::stable_sort(all, {}, rank);
  return all;
}

}  // namespace vpn_sentinel
