#include "probe/watch/wanted_policy.hpp"

#include <algorithm>
#include <utility>

#include "probe/watch/covers.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

bool has(const auto& items, const auto& item) { return std::ranges::find(items, item) != items.end(); }

/// A machine may have come to another place meanwhile: the LAN there is a LAN also where such a network was behind the tunnel.
void keep_networks(FirewallPolicy& policy, const FirewallPolicy& earlier) {
  if (!policy.tunnel_networks.empty()) return;
  policy.tunnel_networks = earlier.tunnel_networks;
  std::erase_if(policy.tunnel_networks, [&](const IpPrefix& network) { return has(policy.on_link, network); });
  const auto is_in = [](const std::vector<IpPrefix>& networks, const IpPrefix& part) {
    return std::ranges::any_of(networks, [&](const IpPrefix& network) { return covers(network, part); });
  };
  for (const auto& subnet : policy.on_link) {
    const bool named = has(policy.local_networks, subnet) || policy.local_networks.size() >= most_local_networks;
    if (!named && is_in(policy.tunnel_networks, subnet) && is_in(policy.local_networks, subnet)) policy.local_networks.push_back(subnet);
  }
}

/// What is known of a tunnel that is away stays: its name is still no other link's, and what lies behind it still nobody else's.
void keep_tunnel(FirewallPolicy& policy, const FirewallPolicy& earlier) {
  keep_networks(policy, earlier);
  for (const auto& type : earlier.tunnel_types) {
    const bool is_known = std::ranges::find(policy.tunnel_types, type.tunnel, &TunnelType::tunnel) != policy.tunnel_types.end();
    if (has(policy.tunnels, type.tunnel) && !is_known) policy.tunnel_types.push_back(type);
  }
}

}  // namespace

SeenOutside seen_outside(const Observation& seen, const TargetPolicy& target, bool carries) {
  auto gaps = left_out(seen, target);
  if (const auto unseen = unseen_devices(seen, target); !unseen.empty()) gaps.push_back("what programs send by AF_PACKET at " + unseen);
  return {outside_policy(seen, target), seen.possible_endpoints, std::move(gaps), carries, !seen.surroundings.tunnel.empty()};
}

void WantedPolicy::restore(const FirewallPolicy& earlier, const std::vector<TunnelEndpoint>& earlier_hubs, MonoTime now) {
  auto servers = earlier;
  std::erase_if(servers.endpoints, [&](const TunnelEndpoint& endpoint) { return has(earlier_hubs, endpoint) || has(hubs_, endpoint); });
  servers_.restore(servers, now);
  earlier_ = earlier;
  carrying_types_ = earlier.carrying_types;
}

FirewallPolicy WantedPolicy::complete(const SeenOutside& outside, bool own, MonoTime now) {
  auto wanted = servers_.complete(outside.policy, outside.guessed, outside.carries, now);
  if (outside.tunnel_known) earlier_.reset();
  if (earlier_) keep_tunnel(wanted, *earlier_);
  for (const auto type : carrying_types_) {
    const bool room = wanted.carrying_types.size() < most_carrying_types;
    if (room && !has(wanted.carrying_types, type)) wanted.carrying_types.push_back(type);
  }
  added_hubs_.clear();
  if (!own) return wanted;
  for (const auto& hub : hubs_) {
    if (has(wanted.endpoints, hub) || wanted.endpoints.size() >= most_endpoints) continue;
    wanted.endpoints.push_back(hub);
    added_hubs_.push_back(hub);
  }
  return wanted;
}

}  // namespace vpn_sentinel
