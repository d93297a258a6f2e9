/// A network namespace with an uplink, a tunnel and wg-quick's policy rules, and the ways to break and mend it.
///
///     gateway0 ---- eth0 203.0.113.10/24, default via 203.0.113.1 (main)
///                   tun0 198.19.0.2/24, default (table 51820), rules 32764 and 32765
///
/// The whole process moves into the namespace. It has no name and ends with its last process, however that ends: nothing is left to be
/// removed. Nothing ever leaves it: the far end of eth0 has no address, and nobody reads the tunnel.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"
#include "tests/bench/rtnetlink.hpp"

namespace vpn_sentinel {

class ProtectedNetwork {
 public:
  struct Break {
    std::string_view name;
    MonoTime (ProtectedNetwork::*carry_out)();  ///< returns the time just before the breaking system call
    std::string_view mend;                      ///< lines for ip(8)
  };
  [[nodiscard]] static const std::array<Break, 5>& breaks();
  static constexpr const char* tunnel = "tun0";

  /// Leaves the machine's namespace for a new one. To be called before any thread or child is started. Throws FatalError with `no_root`
  /// when that is not allowed.
  static void enter();
  static constexpr int no_root = 77;

  ProtectedNetwork();

  MonoTime do_break(const Break& kind) { return (this->*kind.carry_out)(); }
  void mend(const Break& kind);
  /// Makes messages that change nothing of importance.
  static void stir();

 private:
  MonoTime set_link_down();
  MonoTime close_tunnel();
  MonoTime replace_default();
  MonoTime delete_rule();
  MonoTime delete_address();
  void open_tunnel();

  RtnetlinkSocket kernel_;
  Fd tunnel_;
};

}  // namespace vpn_sentinel
