/// How old WireGuard's newest handshake is, whatever happens to the wall clock meanwhile. Pure: fed with times.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "netns/base/boot_clock.hpp"
#include "netns/base/clock.hpp"
#include "netns/sockets/wireguard.hpp"

namespace vpn_sentinel {

/// WireGuard tells the time of a handshake by the wall clock (CLOCK_REALTIME), which may be set at any moment. So only the first reading is
/// compared with it; later a handshake is a value that changed, and its age is counted by the clock that nobody sets and that goes on while
/// the machine sleeps.
class HandshakeClock {
 public:
  /// A reading of `device`, made at `now` and `boot`.
  void note(const WireGuardDevice& device, WallTime now, BootTime boot);
  void forget() { *this = {}; }
  /// Absent: no peer had a handshake. Where the first reading lay in the future, because the clock had been set back before: at least so
  /// old.
  [[nodiscard]] std::optional<std::chrono::seconds> age(BootTime boot) const;

 private:
  struct Handshake {
    WallTime told;  ///< as WireGuard tells it: only whether it changes counts
    BootTime at;    ///< may lie before the boot
  };
  std::map<std::string, Handshake> handshakes_;  ///< by the peers' public keys
  std::optional<BootTime> read_at_;
};

}  // namespace vpn_sentinel
