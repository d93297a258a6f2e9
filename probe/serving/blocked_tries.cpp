#include "probe/serving/blocked_tries.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

BlockedTries::BlockedTries(std::vector<ListenPort> ports, Bounds bounds) : ports_(std::move(ports)), bounds_(bounds) {}

void BlockedTries::take(std::span<const LoggedPacket> packets, std::uint64_t lost, WallTime wall, MonoTime now) {
  lost_ += lost;
  for (const auto& packet : packets) {
    const ListenPort port{packet.protocol, packet.destination.port};
    if (packet.in_index == 0 || std::ranges::find(ports_, port) == ports_.end()) continue;
    ++packets_;
    const Key key{port, packet.source.address};
    auto at = from_.find(key);
    if (at == from_.end()) {
      if (from_.size() >= bounds_.most) {
        ++no_room_;
        continue;
      }
      at = from_.emplace(key, Entry{{port, packet.source.address, 0, wall, wall}, now}).first;
    }
    ++at->second.from.packets;
    at->second.from.last = wall;
    at->second.last = now;
  }
}

void BlockedTries::age(MonoTime now) {
  std::erase_if(from_, [&](const auto& item) { return now - item.second.last > bounds_.keep; });
}

std::vector<BlockedFrom> BlockedTries::from(std::size_t most) const {
  std::vector<BlockedFrom> all;
  all.reserve(from_.size());
  for (const auto& [key, entry] : from_) all.push_back(entry.from);
  std::ranges::stable_sort(all, std::greater<>(), &BlockedFrom::packets);
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace vpn_sentinel
