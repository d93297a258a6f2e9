#include "probe/watch/handshake_witness.hpp"

namespace vpn_sentinel {
namespace {

/// The age is asked for every five seconds when nothing else answers; two of these may be lost.
constexpr std::chrono::seconds fresh_handshake{15};

}  // namespace

void HandshakeWitness::take(const TunnelFacts& facts, WallTime now, BootTime boot) {
  if (facts.wireguard) {
    told_at_ = boot;
    mute_since_.reset();
    never_shook_hands_ = vpn_sentinel::never_shook_hands(*facts.wireguard);
    clock_.note(*facts.wireguard, now, boot);
  } else if (facts.gaps.empty()) {
    forget();  // whoever has the tunnel now has no handshakes
  } else if (facts.wireguard_is_mute && !mute_since_) {
    mute_since_ = boot;
  }
}

std::optional<std::chrono::seconds> HandshakeWitness::age(BootTime boot) const { return is_told(boot) ? clock_.age(boot) : std::nullopt; }

std::optional<std::chrono::seconds> HandshakeWitness::untold(BootTime boot) const {
  if (is_told(boot)) return std::nullopt;
  if (told_at_) return clock_.age(boot);
  if (!mute_since_) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(boot - *mute_since_);
}

bool HandshakeWitness::is_told(BootTime boot) const noexcept { return told_at_ && boot - *told_at_ <= fresh_handshake; }

}  // namespace vpn_sentinel
