/// Which VPN servers a kill switch lets packets out to. While the tunnel is away nobody tells where its servers are, and without them it
/// could never come back: so what was known last stays until the tunnel has carried packets for a while without it. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/firewall/firewall_policy.hpp"

namespace vpn_sentinel {

/// Stands for the tunnel while none is known: nobody names an interface so, and everything is outside.
inline constexpr const char* no_known_tunnel = "(none)";

class RememberedServers {
 public:
  static constexpr std::chrono::seconds kept_beside_a_tunnel{30};

  /// What an earlier start knew: taken as seen just now.
  void restore(const FirewallPolicy& policy, MonoTime now);

  /// The policy with the servers that are remembered, and with tunnels in any case. `carries`: packets go by a tunnel that is up.
  /// `guessed`: endpoints of `seen` at these addresses are guesses, taken only while nothing better is known.
  [[nodiscard]] FirewallPolicy complete(FirewallPolicy seen, const std::vector<IpAddress>& guessed, bool carries, MonoTime now);

 private:
  struct Server {
    TunnelEndpoint endpoint;
    MonoTime seen{};
  };
  void note(const TunnelEndpoint& endpoint, MonoTime now);

  std::vector<Server> servers_;
  std::vector<std::string> tunnels_;
};

}  // namespace vpn_sentinel
