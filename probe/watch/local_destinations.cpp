#include "probe/watch/local_destinations.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <utility>

namespace vpn_sentinel {
namespace {

IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

/// A network that claims ever more public subnets to be its own is the LocalNet attack in small pieces; a real one has one or two per
/// family.
constexpr std::size_t most_public_subnets = 4;

bool is_private(const IpAddress& address) {
  return std::ranges::any_of(private_ranges(), [&](const IpPrefix& range) { return range.contains(address); });
}

bool holds_own_address(const Snapshot& snapshot, const Route& route, std::uint32_t link_index) {
  return std::ranges::any_of(snapshot.addresses, [&](const InterfaceAddress& item) {
    const bool same_size = route.family == Family::v6 || item.prefix_length == route.destination.length();
    return item.link_index == link_index && same_size && route.destination.contains(item.address);
  });
}

/// The on-link prefix of a router advertisement: in the table before the address (its duplicate detection takes a second or two), and
/// without any address of that length where DHCPv6 gives a /128.
bool is_advertised(const Route& route) {
  return route.family == Family::v6 && (route.protocol == RTPROT_KERNEL || route.protocol == RTPROT_RA);
}

/// The uplink's own subnet is local as long as it is of a size that a LAN has ("connected" /8s are the LocalNet attack) and holds our
/// address. Any other on-link route was put there by somebody. Whether it holds the gateway tells nothing: a host whose default route was
/// taken away, to contain it, keeps its LAN.
bool is_connected_subnet(const Snapshot& snapshot, const Route& route) {
  if (route.next_hops.size() != 1 || route.next_hops.front().gateway) return false;
  if (route.destination.length() < (route.family == Family::v4 ? 22U : 64U)) return false;
  return is_advertised(route) || holds_own_address(snapshot, route, route.next_hops.front().link_index);
}

bool is_host_route(const Route& route, std::uint32_t tunnel_index) {
  const unsigned host_length = route.family == Family::v4 ? 32 : 128;
  return route.destination.length() == host_length && route.next_hops.size() == 1 &&
         (tunnel_index == 0 || route.next_hops.front().link_index != tunnel_index);
}

}  // namespace

std::span<const IpPrefix> private_ranges() {
  static const std::vector ranges{prefix("10.0.0.0/8"),     prefix("172.16.0.0/12"), prefix("192.168.0.0/16"), prefix("100.64.0.0/10"),
                                  prefix("169.254.0.0/16"), prefix("127.0.0.0/8"),   prefix("224.0.0.0/4"),    prefix("240.0.0.0/4"),
                                  prefix("0.0.0.0/8"),      prefix("::/3"),          prefix("4000::/2"),       prefix("8000::/1")};
  return ranges;
}

std::span<const IpPrefix> public_parts() {
  static const std::vector parts{prefix("64:ff9b::/96"), prefix("64:ff9b:1::/48")};
  return parts;
}

std::vector<IpAddress> host_route_addresses(const Snapshot& snapshot, std::uint32_t tunnel_index) {
  std::vector<IpAddress> addresses;
  for (const auto& route : snapshot.routes) {
    if (route.type != RTN_UNICAST || !is_host_route(route, tunnel_index)) continue;
    const auto& address = route.destination.address();
    if (!is_private(address)) addresses.push_back(address);
  }
  return addresses;
}

std::vector<IpPrefix> local_prefixes(const Snapshot& snapshot, std::uint32_t tunnel_index, const TargetPolicy& policy, bool endpoints_known,
                                     std::span<const IpAddress> endpoints) {
  std::vector<IpPrefix> prefixes(private_ranges().begin(), private_ranges().end());
  prefixes.insert(prefixes.end(), policy.local_networks.begin(), policy.local_networks.end());
  // The kernel delivers to itself, or to all neighbours, what goes to these; they would stand for nobody else.
  for (const auto& own : snapshot.addresses) {
    prefixes.emplace_back(own.address, own.address.is_v4() ? 32U : 128U);
    if (!own.address.is_v4() || own.prefix_length > 30) continue;
    const IpPrefix subnet{own.address, own.prefix_length};
    prefixes.emplace_back(subnet.address(), 32U);
    prefixes.emplace_back(subnet.last(), 32U);
  }
  for (const auto& endpoint : endpoints) prefixes.emplace_back(endpoint, endpoint.is_v4() ? 32U : 128U);
  for (const auto& subnet : connected_subnets(snapshot)) prefixes.push_back(subnet.prefix);
  if (endpoints_known) return prefixes;
  for (const auto& route : snapshot.routes) {
    if (route.type == RTN_UNICAST && is_host_route(route, tunnel_index)) prefixes.push_back(route.destination);
  }
  return prefixes;
}

std::vector<ConnectedSubnet> connected_subnets(const Snapshot& snapshot) {
  std::vector<ConnectedSubnet> subnets;
  std::map<std::pair<std::uint32_t, Family>, std::size_t> counts;
  for (const auto& route : snapshot.routes) {
    if (route.type != RTN_UNICAST || !is_connected_subnet(snapshot, route)) continue;
    const auto link = route.next_hops.front().link_index;
    const bool is_public = !is_private(route.destination.address());
    if (is_public && ++counts[{link, route.family}] > most_public_subnets) continue;
    subnets.push_back({route.destination, link, is_public});
  }
  return subnets;
}

}  // namespace vpn_sentinel
