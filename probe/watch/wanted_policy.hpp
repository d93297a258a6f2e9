/// What a kill switch is to let out: what is seen now, what is remembered, and the hubs of the settings. The daemon and the command
/// "killswitch arm" make it the same way. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/remembered_servers.hpp"

namespace vpn_sentinel {

/// What a look found about the way outside.
struct SeenOutside {
  FirewallPolicy policy;
  std::vector<IpAddress> guessed{};     ///< of its endpoints
  std::vector<std::string> left_out{};  ///< what it had no room for
  bool carries = false;                 ///< packets go by a tunnel that is up
  bool tunnel_known = false;            ///< a tunnel has been up since the namespace is watched: what the policy says of it is all there is
};

/// `carries` as above.
[[nodiscard]] SeenOutside seen_outside(const Observation& seen, const TargetPolicy& target, bool carries);

class WantedPolicy {
 public:
  /// `hubs` may be reached outside the tunnel from the probe's own namespace.
  explicit WantedPolicy(std::vector<TunnelEndpoint> hubs) : hubs_(std::move(hubs)) {}

  /// What an earlier start let out; of its endpoints `earlier_hubs` were hubs, which are no VPN servers.
  void restore(const FirewallPolicy& earlier, const std::vector<TunnelEndpoint>& earlier_hubs, MonoTime now);

  /// `own`: the probe lives in the namespace.
  [[nodiscard]] FirewallPolicy complete(const SeenOutside& outside, bool own, MonoTime now);
  /// The endpoints of the last complete() that are there as hubs only.
  [[nodiscard]] const std::vector<TunnelEndpoint>& added_hubs() const noexcept { return added_hubs_; }

 private:
  std::vector<TunnelEndpoint> hubs_;
  std::vector<TunnelEndpoint> added_hubs_;
  RememberedServers servers_;
  std::optional<FirewallPolicy> earlier_;  ///< until a tunnel is known
  /// Of the start before, whatever is known now: a line by PPPoE that is down could not come back without its frames.
  std::vector<std::uint16_t> carrying_types_;
};

}  // namespace vpn_sentinel
