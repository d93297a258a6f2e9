#include "probe/watch/surroundings.hpp"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "netns/firewall/firewall_policy.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

/// Shorter ones are how a tunnel takes everything (0/0, 0/1, 2000::/3), and say nothing of private addresses.
constexpr unsigned shortest_v4 = 8;
constexpr unsigned shortest_v6 = 7;

bool stays_on_link(const IpAddress& address) {
  const auto first = address.bytes()[0];
  const bool multicast = address.is_v4() ? first >= 224 : first == 0xff;
  return multicast || address.is_link_local() || address.is_loopback();
}

void add_network(std::vector<IpPrefix>& networks, const IpPrefix& prefix) {
  const bool is_long = prefix.length() >= (prefix.address().is_v4() ? shortest_v4 : shortest_v6);
  if (!is_long || stays_on_link(prefix.address())) return;
  if (std::ranges::find(networks, prefix) == networks.end()) networks.push_back(prefix);
}

void add_types(std::vector<std::uint16_t>& types, std::initializer_list<std::uint16_t> more) {
  for (const auto type : more) {
    if (std::ranges::find(types, type) == types.end()) types.push_back(type);
  }
}

bool leads_to(const Route& route, std::uint32_t index) {
  return std::ranges::any_of(route.next_hops, [&](const NextHop& hop) { return hop.link_index == index; });
}

/// Of uplinks: what the kernel asks for as a neighbour although no address of ours has it in its subnet ("default via 2001:db8:ff::1
/// onlink").
void add_neighbours(const Snapshot& snapshot, const std::vector<std::uint32_t>& uplinks, SurroundingsView& view) {
  const auto is_uplink = [&](std::uint32_t index) { return std::ranges::find(uplinks, index) != uplinks.end(); };
  const auto add = [&](const IpPrefix& prefix) {
    const auto covers = [&](const IpPrefix& subnet) { return subnet.length() <= prefix.length() && subnet.contains(prefix.address()); };
    if (std::ranges::none_of(view.on_link, covers)) add_network(view.neighbours, prefix);
  };
  for (const auto& route : snapshot.routes) {
    for (const auto& hop : route.next_hops) {
      // One more than there is room for tells that something was left out.
      if (view.neighbours.size() > most_on_link) return;
      if (!is_uplink(hop.link_index)) continue;
      if (hop.gateway) add({*hop.gateway, 128});
      if (!hop.gateway && route.type == RTN_UNICAST) add(route.destination);
    }
  }
}

std::vector<IpPrefix> networks_of(const Snapshot& snapshot, std::uint32_t index) {
  std::vector<IpPrefix> networks;
  for (const auto& item : snapshot.addresses) {
    if (item.link_index == index) add_network(networks, {item.address, item.prefix_length});
  }
  // One more than there is room for tells that something was left out.
  for (const auto& route : snapshot.routes) {
    if (networks.size() > most_tunnel_networks) break;
    if (leads_to(route, index)) add_network(networks, route.destination);
  }
  return networks;
}

/// Links that no other of the namespace lies below, and that can carry IP. What is sent by a VLAN, a bond or a bridge leaves by one of
/// those. Where the namespace has hardware, a veth leads into the machine, to a container.
bool leads_out(const Link& link, bool has_hardware) {
  constexpr std::array<std::uint16_t, 5> carries_ip{ARPHRD_ETHER, ARPHRD_INFINIBAND, ARPHRD_PPP, ARPHRD_NONE, ARPHRD_RAWIP};
  if (std::ranges::find(carries_ip, link.type) == carries_ip.end()) return false;
  return link.kind.empty() || link.kind == "wwan" || (link.kind == "veth" && !has_hardware);
}

std::vector<std::string> bare_devices(const Snapshot& snapshot, const Link* tunnel, const std::vector<std::string>& uplinks) {
  const bool has_hardware = std::ranges::any_of(
      snapshot.links, [](const Link& link) { return link.kind.empty() && link.type == ARPHRD_ETHER && !link.is_loopback(); });
  std::vector<std::string> bare;
  for (const auto& link : snapshot.links) {
    const bool is_tunnel = (tunnel && tunnel->index == link.index) || looks_like_tunnel(link);
    const bool works = link.is_up() && link.carrier.value_or(true) && !link.is_loopback();
    if (!works || is_tunnel || !leads_out(link, has_hardware)) continue;
    if (std::ranges::find(uplinks, link.name) == uplinks.end()) bare.push_back(link.name);
  }
  return bare;
}

bool is_inner(const Snapshot& snapshot, const Link& link) {
  if (link.kind != "bridge") return false;
  const bool has_way_out = std::ranges::any_of(
      snapshot.links, [&](const Link& port) { return port.master == link.index && port.kind != "veth" && port.kind != "tun"; });
  const bool has_gateway = std::ranges::any_of(snapshot.routes, [&](const Route& route) {
    return std::ranges::any_of(route.next_hops, [&](const NextHop& hop) { return hop.link_index == link.index && hop.gateway; });
  });
  return !has_way_out && !has_gateway;
}

}  // namespace

SurroundingsView observe_surroundings(const Snapshot& snapshot, const Link* tunnel, const Observation& seen, const SurroundingsView& last) {
  SurroundingsView view;
  view.tunnel = last.tunnel;
  view.tunnel_type = last.tunnel_type;
  view.tunnel_networks = last.tunnel_networks;
  if (tunnel && tunnel->is_up()) {
    view.tunnel = tunnel->name;
    // An Ethernet could be any link.
    view.tunnel_type = tunnel->type == ARPHRD_ETHER ? std::uint16_t{0} : tunnel->type;
    view.tunnel_networks = networks_of(snapshot, tunnel->index);
  }
  // A connection that is down comes back by the same frames.
  view.carrying_types = last.carrying_types;
  std::vector<std::uint32_t> uplinks;
  for (const auto& link : snapshot.links) {
    if (std::ranges::find(seen.uplinks, link.name) == seen.uplinks.end()) continue;
    if (is_inner(snapshot, link)) {
      view.inner_devices.push_back(link.name);
      continue;
    }
    uplinks.push_back(link.index);
    if (link.type == ARPHRD_PPP) add_types(view.carrying_types, {ETH_P_PPP_DISC, ETH_P_PPP_SES});
    if (link.kind == "macsec") add_types(view.carrying_types, {ETH_P_MACSEC});
    for (const auto& item : snapshot.addresses) {
      if (item.link_index == link.index) add_network(view.on_link, {item.address, item.prefix_length});
    }
  }
  add_neighbours(snapshot, uplinks, view);
  view.bare_devices = bare_devices(snapshot, tunnel, seen.uplinks);
  return view;
}

}  // namespace vpn_sentinel
