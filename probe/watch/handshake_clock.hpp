/// How old WireGuard's newest handshake is, whatever happens to the wall clock meanwhile. Pure: fed with times.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/sockets/wireguard.hpp"

namespace vpn_sentinel {

/// WireGuard tells the time of a handshake by the wall clock (CLOCK_REALTIME), which may be set at any moment. So only the first reading is
/// compared with it; later a handshake is a value that changed, and its age is counted by the monotonic clock.
class HandshakeClock {
 public:
  /// A reading of `device`, made at `now` and `mono`.
  void note(const WireGuardDevice& device, WallTime now, MonoTime mono);
  void forget() { *this = {}; }
  /// Absent: no peer had a handshake. Where the first reading lay in the future, because the clock had been set back before: at least so
  /// old.
  [[nodiscard]] std::optional<std::chrono::seconds> age(MonoTime mono) const;

 private:
  struct Handshake {
    WallTime told;  ///< as WireGuard tells it: only whether it changes counts
    MonoTime at;    ///< by the monotonic clock, which may lie before the boot
  };
  std::map<std::string, Handshake> handshakes_;  ///< by the peers' public keys
  std::optional<MonoTime> read_at_;
};

}  // namespace vpn_sentinel
