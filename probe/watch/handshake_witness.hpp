/// What WireGuard's handshakes vouch for, and when nobody tells them any more. Pure: fed with what was read and with times.
#pragma once

#include <chrono>
#include <optional>

#include "netns/base/boot_clock.hpp"
#include "netns/base/clock.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "probe/watch/handshake_clock.hpp"

namespace vpn_sentinel {

/// A program such as wireguard-go may hang while its interface looks as ever. That it tells nothing must not pass for "no WireGuard": a
/// tunnel whose program has told handshakes, or has a control socket that does not answer, is one that can no longer be verified.
class HandshakeWitness {
 public:
  /// An answer about the present tunnel, read at `now` and `boot`.
  void take(const TunnelFacts& facts, WallTime now, BootTime boot);
  /// Another tunnel.
  void forget() { *this = {}; }

  /// Absent when nobody told it in the last 15 s: read again before judging.
  [[nodiscard]] std::optional<std::chrono::seconds> age(BootTime boot) const;
  /// How old the last handshake that is known is by now, or for how long nobody has answered; absent while it is told, and for a tunnel
  /// that never was to tell any (OpenVPN, a kernel or a program that does not let us ask).
  [[nodiscard]] std::optional<std::chrono::seconds> untold(BootTime boot) const;
  /// A server is known and there was no handshake at all, as it was told last.
  [[nodiscard]] bool never_shook_hands() const noexcept { return never_shook_hands_; }

 private:
  [[nodiscard]] bool is_told(BootTime boot) const noexcept;

  HandshakeClock clock_;
  bool never_shook_hands_ = false;
  std::optional<BootTime> told_at_;     ///< the last time
  std::optional<BootTime> mute_since_;  ///< asked in vain, and never told
};

}  // namespace vpn_sentinel
