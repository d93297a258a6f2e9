/// Whether what leaves is a leak, or may be the VPN's own packets to a server that its program has not told yet. Pure: fed with times.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "netns/base/clock.hpp"
#include "probe/watch/leak_tally.hpp"

namespace vpn_sentinel {

/// What is known of the program behind the tunnel.
struct VpnProgram {
  bool awaited = false;               ///< it was asked about its servers, and has not answered yet
  bool is_wireguard = false;          ///< the kernel's own, or a program that has told so
  std::optional<std::uint32_t> user;  ///< whose packets WireGuard sends; absent: nobody's, it is the kernel's
};

class LeakDoubt {
 public:
  /// The VPN's program answers within milliseconds; one that hangs must not hide a leak.
  static constexpr std::chrono::seconds longest_silence{1};
  /// On a loaded machine, or behind other programs that hang, its answer may take seconds. Until then nobody can say what leaves.
  static constexpr std::chrono::seconds longest{10};

  /// `is_acted_on`: packets are dropped by what is told, so that it is never told later than after `longest_silence`.
  explicit LeakDoubt(bool is_acted_on = false) : patience_(is_acted_on ? longest_silence : longest) {}

  /// Asks the program once for each leak (`ask` returns whether an answer can be awaited), and ends the doubt with the answer to that, with
  /// packets that cannot be the VPN's, or when it has lasted too long. What was told as a leak stays one. `all_noted`: as of LeakTally.
  /// `servers_awaited`: no server is known, and the program is asked since then.
  void follow(const LeakTally& tally, bool all_noted, const VpnProgram& program, std::optional<MonoTime> servers_awaited, MonoTime now,
              const std::function<bool()>& ask);
  /// In silence until the program has been awaited for a second.
  [[nodiscard]] LeakTally::Telling telling(MonoTime now) const;
  /// Nobody is asked any more: what goes on is a leak.
  void give_up() { whose_ = Whose::nobodys; }
  /// The leak of before is nobody's business any more.
  void forget() {
    asked_ = false;
    give_up();
  }

 private:
  /// What the leak may be.
  enum class Whose : std::uint8_t { nobodys, any_programs, wireguards };

  std::chrono::seconds patience_;
  Whose whose_ = Whose::nobodys;
  bool asked_ = false;  ///< because of the leak that goes on
  MonoTime began_{};
  MonoTime silent_until_{};
};

}  // namespace vpn_sentinel
