/// Ends the connections that run outside the tunnel when a target turns to danger, where the user wants that. Lives on the loop thread;
/// takes about 1 ms for each thousand sockets, and 60 µs for each that is ended, of which there are at most 256 at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "netns/firewall/firewall_policy.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "netns/sockets/socket_destroy.hpp"
#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// What of a namespace tells connections outside from others. `servers`: VPN servers that were known before.
struct OutsideConnections {
  std::vector<std::uint32_t> uplinks;   ///< indexes
  std::vector<IpAddress> addresses;     ///< the uplinks' own
  std::vector<IpPrefix> spared;         ///< VPN servers, local networks
  std::vector<AllowedPackets> allowed;  ///< may bypass the tunnel on purpose
};
[[nodiscard]] OutsideConnections outside_connections(const Observation& seen, const Snapshot& snapshot, const TargetPolicy& policy,
                                                     const std::vector<IpAddress>& servers);

/// True when it runs outside by its device or by its own address. Never what goes to a VPN server, which may be the tunnel's own, to a
/// local network or to this host, nor what may bypass the tunnel on purpose, or might for all that is known of it. Pure.
[[nodiscard]] bool runs_outside(const OpenConnection& connection, const OutsideConnections& outside);
/// True when it may not be ended whatever its way.
[[nodiscard]] bool is_spared(const OpenConnection& connection, const OutsideConnections& outside);

class SocketCloser {
 public:
  explicit SocketCloser(const TargetPolicy& policy) : policy_(policy) {}

  /// A look was judged. Acts once when the state turns to danger, and not while no VPN server has ever been known: one of the connections
  /// may be the tunnel's own then.
  void follow(State state, const Observation& seen, const Snapshot& snapshot, const SocketOpener& opener, RouteLookup& look_up);
  /// What was ended goes on being told as long as the danger lasts.
  [[nodiscard]] std::optional<Finding> finding(WallTime now) const;

 private:
  void close(const Observation& seen, const Snapshot& snapshot, const SocketOpener& opener, RouteLookup& look_up);

  const TargetPolicy& policy_;
  bool danger_ = false;
  std::vector<IpAddress> servers_;  ///< VPN servers that were known at any time
  std::size_t closed_ = 0;
  std::vector<std::string> destinations_;  ///< the first ones
  std::string error_;
};

}  // namespace vpn_sentinel
