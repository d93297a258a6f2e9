#include "probe/watch/handshake_clock.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

void HandshakeClock::note(const WireGuardDevice& device, WallTime now, BootTime boot) {
  std::map<std::string, Handshake> seen;
  for (const auto& peer : device.peers) {
    if (!peer.last_handshake) continue;
    const auto known = handshakes_.find(peer.public_key);
    if (known != handshakes_.end() && known->second.told == *peer.last_handshake) {
      seen.insert(*known);
      continue;
    }
    auto age = std::max<std::chrono::nanoseconds>(now - *peer.last_handshake, std::chrono::nanoseconds{0});
    // It was not there at the last reading, so that no clock can make it older than that.
    if (read_at_) age = std::min<std::chrono::nanoseconds>(age, boot - *read_at_);
    seen.emplace(peer.public_key, Handshake{*peer.last_handshake, boot - age});
  }
  handshakes_ = std::move(seen);
  read_at_ = boot;
}

std::optional<std::chrono::seconds> HandshakeClock::age(BootTime boot) const {
  std::optional<BootTime> newest;
  for (const auto& [key, handshake] : handshakes_) newest = newest ? std::max(*newest, handshake.at) : handshake.at;
  if (!newest) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(boot - *newest);
}

}  // namespace vpn_sentinel
