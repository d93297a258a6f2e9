#include "probe/watch/outside_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "netns/base/dns_ports.hpp"
#include "probe/watch/covers.hpp"

namespace vpn_sentinel {
namespace {

/// Stands for the tunnel while another interface has its name: everything is outside then.
constexpr std::string_view no_tunnel = "(none)";

template <typename Item>
void add_once(std::vector<Item>& items, Item item) {
  if (std::ranges::find(items, item) == items.end()) items.push_back(std::move(item));
}

bool is_pattern(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

/// The most important first: what is cut off stands at the end. What is seen to be an uplink is no tunnel, whatever its name.
std::vector<std::string> tunnel_names(const Observation& seen, const TargetPolicy& target) {
  std::vector<std::string> names;
  bool any_is_uplink = false;
  const auto take = [&](const std::string& name) {
    if (name.empty() || is_pattern(name)) return;
    const bool is_uplink = std::ranges::find(seen.uplinks, name) != seen.uplinks.end();
    any_is_uplink = any_is_uplink || is_uplink;
    if (!is_uplink) add_once(names, name);
  };
  take(seen.expected_tunnel);
  if (seen.tunnel) take(seen.tunnel->name);
  for (const auto& name : target.tunnels) take(name);
  for (const auto& name : seen.other_tunnels) take(name);
  if (names.empty() && any_is_uplink) names.emplace_back(no_tunnel);
  return names;
}

std::vector<TunnelEndpoint> endpoints(const Observation& seen) {
  std::vector<TunnelEndpoint> all;
  for (const auto& server : seen.endpoints) {
    if (!server.address.is_unspecified()) add_once(all, TunnelEndpoint{server.address, server.protocol, server.port, server.mark});
  }
  for (const auto& address : seen.possible_endpoints) {
    const bool known = std::ranges::any_of(all, [&](const TunnelEndpoint& endpoint) { return endpoint.address == address; });
    if (!known && !address.is_unspecified()) all.push_back({address, 0, 0, 0});
  }
  return all;
}

bool is_covered(const std::vector<IpPrefix>& networks, const IpPrefix& part) {
  return std::ranges::any_of(networks, [&](const IpPrefix& network) { return covers(network, part); });
}

/// Those that would be local otherwise, but for what the user, or an uplink, says to be local itself.
std::vector<IpPrefix> tunnel_networks(const Observation& seen, const TargetPolicy& target, const std::vector<IpPrefix>& local) {
  std::vector<IpPrefix> all;
  const auto is_in = [](const std::vector<IpPrefix>& networks, const IpPrefix& network) {
    return std::ranges::find(networks, network) != networks.end();
  };
  for (const auto& network : seen.surroundings.tunnel_networks) {
    const bool overlaps =
        is_covered(local, network) || std::ranges::any_of(local, [&](const IpPrefix& part) { return covers(network, part); });
    if (overlaps && !is_in(target.local_networks, network) && !is_in(seen.surroundings.on_link, network)) add_once(all, network);
  }
  return all;
}

std::vector<IpPrefix> local_networks(const Observation& seen, const TargetPolicy& target) {
  auto all = standard_local_networks();
  for (const auto& network : target.local_networks) {
    if (can_be_local(network)) add_once(all, network);
  }
  for (const auto& subnet : seen.public_subnets) {
    if (can_be_local(subnet.prefix)) add_once(all, subnet.prefix);
  }
  // Where a network of the tunnel covers the LAN, the LAN is named itself.
  const auto local = all;
  for (const auto& subnet : seen.surroundings.on_link) {
    if (is_covered(seen.surroundings.tunnel_networks, subnet) && is_covered(local, subnet)) add_once(all, subnet);
  }
  return all;
}

bool is_inner(const Observation& seen, const std::string& device) {
  const auto& inner = seen.surroundings.inner_devices;
  return std::ranges::find(inner, device) != inner.end();
}

std::vector<TunnelType> tunnel_types(const Observation& seen, const std::vector<std::string>& tunnels) {
  const auto& around = seen.surroundings;
  if (around.tunnel_type == 0 || std::ranges::find(tunnels, around.tunnel) == tunnels.end()) return {};
  return {{around.tunnel, around.tunnel_type}};
}

std::vector<std::string> uplinks(const Observation& seen, const std::vector<std::string>& tunnels) {
  std::vector<std::string> all;
  for (const auto& name : seen.uplinks) {
    if (std::ranges::find(tunnels, name) == tunnels.end() && !is_inner(seen, name)) add_once(all, name);
  }
  std::ranges::sort(all);
  return all;
}

template <typename Range, typename Pair>
std::optional<Range> as_range(const std::optional<Pair>& pair) {
  return pair ? std::optional(Range{pair->first, pair->second}) : std::nullopt;
}

AllowedPackets packets_of(const AllowedFlowView& flow) {
  AllowedPackets packets;
  packets.family = flow.family;
  packets.mark = flow.mark;
  packets.mark_mask = flow.mark_mask;
  packets.uids = as_range<AllowedUids>(flow.uids);
  packets.protocol = flow.protocol;
  packets.source_ports = as_range<AllowedPorts>(flow.source_ports);
  packets.destination_ports = as_range<AllowedPorts>(flow.destination_ports);
  packets.source = flow.source;
  packets.destination = flow.destination;
  return packets;
}

std::vector<AllowedPackets> allowed(const Observation& seen, const TargetPolicy& target) {
  std::vector<AllowedPackets> all;
  for (const auto& mark : target.allow_marks) {
    AllowedPackets packets;
    packets.mark = mark.value;
    packets.mark_mask = mark.mask;
    if (mark.mask != 0) add_once(all, packets);
  }
  for (const auto& uids : target.allow_uids) {
    AllowedPackets packets;
    packets.uids = AllowedUids{uids.first, uids.last};
    add_once(all, packets);
  }
  for (const auto& network : target.dns_accept.networks) {
    for (const auto port : dns_ports) {
      AllowedPackets packets;
      packets.destination = network;
      packets.destination_ports = AllowedPorts{port, port};
      add_once(all, packets);
    }
  }
  for (const auto& flow : seen.allowed_flows) add_once(all, packets_of(flow));
  return all;
}

/// Everything, whatever a firewall has room for.
FirewallPolicy whole_policy(const Observation& seen, const TargetPolicy& target) {
  FirewallPolicy policy;
  policy.tunnels = tunnel_names(seen, target);
  policy.endpoints = endpoints(seen);
  policy.local_networks = local_networks(seen, target);
  policy.uplinks = uplinks(seen, policy.tunnels);
  policy.allowed = allowed(seen, target);
  policy.tunnel_networks = tunnel_networks(seen, target, policy.local_networks);
  policy.inner_devices = seen.surroundings.inner_devices;
  std::erase_if(policy.inner_devices,
                [&](const std::string& name) { return std::ranges::find(policy.tunnels, name) != policy.tunnels.end(); });
  policy.on_link = seen.surroundings.on_link;
  for (const auto& neighbour : seen.surroundings.neighbours) add_once(policy.on_link, neighbour);
  return policy;
}

template <typename Item>
void cut(std::vector<Item>& items, std::size_t most) {
  if (items.size() > most) items.resize(most);
}

/// As many from the beginning as a firewall has room for.
std::size_t room_for(const std::vector<AllowedPackets>& allowed) {
  std::size_t rules = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    rules += rules_for(allowed[i]);
    if (i == most_allowed || rules > most_allowed_rules) return i;
  }
  return allowed.size();
}

void tell_cut(std::vector<std::string>& told, std::size_t count, std::size_t most, std::string_view what) {
  if (count > most) told.push_back(fmt::format("{} of {} {}", count - most, count, what));
}

}  // namespace

bool has_tunnel_name(const Observation& seen, const TargetPolicy& target) { return !tunnel_names(seen, target).empty(); }

FirewallPolicy outside_policy(const Observation& seen, const TargetPolicy& target) {
  auto policy = whole_policy(seen, target);
  cut(policy.tunnels, most_tunnels);
  cut(policy.endpoints, most_endpoints);
  cut(policy.local_networks, most_local_networks);
  cut(policy.uplinks, most_uplinks);
  cut(policy.allowed, room_for(policy.allowed));
  cut(policy.tunnel_networks, most_tunnel_networks);
  cut(policy.inner_devices, most_inner_devices);
  cut(policy.on_link, most_on_link);
  policy.carrying_types = seen.surroundings.carrying_types;
  policy.tunnel_types = tunnel_types(seen, policy.tunnels);
  return policy;
}

void keep_servers(FirewallPolicy& policy, const FirewallPolicy& before) {
  if (policy.endpoints.empty()) policy.endpoints = before.endpoints;
}

std::vector<std::string> left_out(const Observation& seen, const TargetPolicy& target) {
  const auto policy = whole_policy(seen, target);
  std::vector<std::string> told;
  tell_cut(told, policy.tunnels.size(), most_tunnels, "tunnels");
  tell_cut(told, policy.endpoints.size(), most_endpoints, "VPN servers");
  tell_cut(told, policy.local_networks.size(), most_local_networks, "local networks");
  tell_cut(told, policy.allowed.size(), room_for(policy.allowed), "allowed marks, users, tables and resolvers");
  tell_cut(told, policy.inner_devices.size(), most_inner_devices, "bridges of containers");
  tell_cut(told, policy.on_link.size(), most_on_link, "subnets of uplinks, where neighbours are asked");
  for (const auto& network : target.local_networks) {
    if (!can_be_local(network)) told.push_back(fmt::format("local network {}, which is too large to be local", network.to_string()));
  }
  for (const auto& rule : seen.inexpressible_flows) told.push_back("what the rule \"" + rule + "\" lets out to an allowed table");
  return told;
}

std::string unseen_devices(const Observation& seen, const TargetPolicy& target) {
  constexpr std::size_t most_named = 8;
  auto names = seen.surroundings.bare_devices;
  const auto tunnels = tunnel_names(seen, target);
  std::erase_if(names, [&](const std::string& name) { return std::ranges::find(tunnels, name) != tunnels.end(); });
  std::string told;
  if (!names.empty()) {
    const auto count = names.size();
    cut(names, most_named);
    told = fmt::format("{}{}, without a global address", fmt::join(names, ", "), count > most_named ? " and others" : "");
  }
  const auto all = uplinks(seen, tunnels).size();
  if (all > most_uplinks) told += fmt::format("{}{} of {} uplinks", told.empty() ? "" : "; ", all - most_uplinks, all);
  return told;
}

}  // namespace vpn_sentinel
