#include "probe/watch/look_up_plan.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress{}); }
IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

/// Addresses that nobody has a reason to route one by one; two in each quarter, because redirect-gateway def1 splits in halves and an
/// injected route may split further.
const std::array<IpAddress, 11>& public_addresses() {
  static const std::array addresses{address("23.128.45.77"),       address("45.33.120.201"),       address("66.7.201.13"),
                                    address("104.131.9.240"),      address("141.95.77.18"),        address("185.199.7.91"),
                                    address("196.25.88.3"),        address("212.58.140.66"),       address("2001:500:88:200::10"),
                                    address("2606:2800:220:1::9"), address("2a03:2880:f1ff:83::5")};
  return addresses;
}

const std::vector<IpPrefix>& private_ranges() {
  static const std::vector ranges{prefix("10.0.0.0/8"),     prefix("172.16.0.0/12"), prefix("192.168.0.0/16"), prefix("100.64.0.0/10"),
                                  prefix("169.254.0.0/16"), prefix("127.0.0.0/8"),   prefix("224.0.0.0/4"),    prefix("240.0.0.0/4"),
                                  prefix("0.0.0.0/8"),      prefix("fc00::/7"),      prefix("fe80::/10"),      prefix("ff00::/8"),
                                  prefix("::1/128")};
  return ranges;
}

bool covered(const IpPrefix& inner, const std::vector<IpPrefix>& ranges) {
  return std::ranges::any_of(ranges,
                             [&](const IpPrefix& outer) { return outer.length() <= inner.length() && outer.contains(inner.address()); });
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

bool may_let_out(const Snapshot& snapshot, const Route& route, std::uint32_t tunnel_index, const TargetPolicy& policy) {
  const unsigned host_length = route.family == Family::v4 ? 32 : 128;
  if (route.type != RTN_UNICAST || route.next_hops.empty()) return false;
  if (route.destination.length() == 0) return false;
  // A host route is how most VPNs reach their server. Only where the servers are known is any other one suspicious.
  if (route.destination.length() == host_length &&
      (policy.endpoints.empty() || std::ranges::find(policy.endpoints, route.destination.address()) != policy.endpoints.end())) {
    return false;
  }
  if (std::ranges::all_of(route.next_hops, [&](const NextHop& hop) { return tunnel_index != 0 && hop.link_index == tunnel_index; }))
    return false;
  return !is_local_destination(route.destination, policy.local_networks) && !is_connected_subnet(snapshot, route);
}

/// An address inside `range` that is not its first: the first may be a broadcast or router address.
IpAddress inside(const IpPrefix& range) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(range.address().bytes(), bytes.begin());
  const std::size_t last = range.address().bytes().size() - 1;
  if (range.length() < 8 * (last + 1)) bytes[last] = static_cast<std::uint8_t>(bytes[last] | 1U);
  return range.address().is_v4() ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
}

std::string describe_route(const Route& route, const Snapshot& snapshot) {
  const auto* const link = snapshot.find_link(route.next_hops.front().link_index);
  return fmt::format("route {} dev {}", route.destination.to_string(), link ? link->name : "?");
}

}  // namespace

bool is_local_destination(const IpPrefix& destination, const std::vector<IpPrefix>& configured) {
  return covered(destination, private_ranges()) || covered(destination, configured);
}

std::vector<PlannedLookUp> plan_look_ups(const Snapshot& snapshot, std::uint32_t tunnel_index, const TargetPolicy& policy) {
  std::vector<PlannedLookUp> plan;
  plan.reserve(public_addresses().size() + 8);
  for (const auto& destination : public_addresses()) plan.push_back({destination, "public"});
  std::size_t routes = 0;
  for (const auto& route : snapshot.routes) {
    if (!may_let_out(snapshot, route, tunnel_index, policy)) continue;
    if (++routes > most_route_look_ups) break;
    plan.push_back({inside(route.destination), describe_route(route, snapshot)});
  }
  return plan;
}

}  // namespace vpn_sentinel
