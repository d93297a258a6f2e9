#include "probe/watch/remembered_servers.hpp"

#include <algorithm>

namespace vpn_sentinel {

void RememberedServers::note(const TunnelEndpoint& endpoint, MonoTime now) {
  const auto known = std::ranges::find(servers_, endpoint, &Server::endpoint);
  if (known != servers_.end()) {
    known->seen = now;
    return;
  }
  if (servers_.size() == most_endpoints) servers_.erase(std::ranges::min_element(servers_, {}, &Server::seen));
  servers_.push_back({endpoint, now});
}

void RememberedServers::restore(const FirewallPolicy& policy, MonoTime now) {
  for (const auto& endpoint : policy.endpoints) note(endpoint, now);
  tunnels_ = policy.tunnels;
}

FirewallPolicy RememberedServers::complete(FirewallPolicy seen, const std::vector<IpAddress>& guessed, bool carries, MonoTime now) {
  if (carries) std::erase_if(servers_, [&](const Server& server) { return now - server.seen > kept_beside_a_tunnel; });
  const auto is_guess = [&](const TunnelEndpoint& endpoint) { return std::ranges::find(guessed, endpoint.address) != guessed.end(); };
  const bool better_known = !servers_.empty() || !std::ranges::all_of(seen.endpoints, is_guess);
  if (better_known) std::erase_if(seen.endpoints, is_guess);
  for (const auto& endpoint : seen.endpoints) {
    if (!is_guess(endpoint)) note(endpoint, now);
  }
  for (const auto& server : servers_) {
    const bool there = std::ranges::find(seen.endpoints, server.endpoint) != seen.endpoints.end();
    if (!there && seen.endpoints.size() < most_endpoints) seen.endpoints.push_back(server.endpoint);
  }
  if (!seen.tunnels.empty()) tunnels_ = seen.tunnels;
  seen.tunnels = tunnels_;
  std::erase_if(seen.tunnels, [&](const std::string& name) { return std::ranges::find(seen.uplinks, name) != seen.uplinks.end(); });
  if (seen.tunnels.empty()) seen.tunnels.emplace_back(no_known_tunnel);
  return seen;
}

}  // namespace vpn_sentinel
