/// What may leave a target's namespace outside its tunnel, for the firewall: leak meter, kill switch and the audit of other rules. Pure.
#pragma once

#include <string>
#include <vector>

#include "netns/firewall/firewall_policy.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// True when it is known, or as good as known, which interface is the tunnel: without one no policy can be made.
[[nodiscard]] bool has_tunnel_name(const Observation& seen, const TargetPolicy& target);

/// Tunnels are those of the settings (names, and the links that patterns mean now), the learnt one and the present one. Endpoints have
/// protocol, port and mark as far as they are known. While it is not known which host routes lead to VPN servers, all of them may be
/// reached. Local are the standard networks, those of the settings, and the public subnets that the judge takes for a LAN. Allowed are the
/// marks, users, tables and resolvers (dns_accept) of the settings. What lies behind the tunnel, when it was up last, is never local, but
/// for subnets of uplinks and networks of the settings of the same or a smaller size. Bridges of containers are inner devices and no
/// uplinks. What a firewall has no room for is left out, configured things last; see left_out(). A target that has_tunnel_name() passes
/// check_policy().
[[nodiscard]] FirewallPolicy outside_policy(const Observation& seen, const TargetPolicy& target);

/// While no server is known, because the tunnel is away or has just been made, those of `before` stay: most VPNs come back by the same one,
/// and could not when it may not be reached.
void keep_servers(FirewallPolicy& policy, const FirewallPolicy& before);

/// What outside_policy() had no room or no words for, as half sentences ("12 of 76 VPN servers"); empty: nothing. Each makes the firewall
/// stricter than the settings, never laxer.
[[nodiscard]] std::vector<std::string> left_out(const Observation& seen, const TargetPolicy& target);

/// Which devices nobody looks at on their way out, as half a sentence ("eth0, without a global address"); empty: none. What programs
/// send there by AF_PACKET is neither counted nor held back.
[[nodiscard]] std::string unseen_devices(const Observation& seen, const TargetPolicy& target);

}  // namespace vpn_sentinel
