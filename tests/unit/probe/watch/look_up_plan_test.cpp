#include "probe/watch/look_up_plan.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 3;

/// A wg-quick host on a LAN with public addresses.
Snapshot host() {
  Snapshot snapshot;
  snapshot.links = {link(eth0, "eth0", ""), link(wg0, "wg0", "wireguard")};
  snapshot.addresses = {own(eth0, "203.0.113.10", 24), own(eth0, "2001:db8:1::10", 64)};
  snapshot.routes = {route("0.0.0.0/0", eth0, "203.0.113.1"), route("203.0.113.0/24", eth0), route("2001:db8:1::/64", eth0),
                     route("::/0", eth0, "fe80::1")};
  return snapshot;
}

/// The reasons beside "public".
std::vector<std::string> asked(const Snapshot& snapshot, const TargetPolicy& policy = {}) {
  std::vector<std::string> reasons;
  for (const auto& item : plan_look_ups(snapshot, wg0, policy)) {
    if (item.reason != "public") reasons.push_back(item.reason + " at " + item.destination.to_string());
  }
  return reasons;
}

std::vector<std::string> asked_for(const Route& extra, const TargetPolicy& policy = {}) {
  auto snapshot = host();
  snapshot.routes.push_back(extra);
  return asked(snapshot, policy);
}

using Reasons = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(look_up_plan)

BOOST_AUTO_TEST_CASE(every_quarter_of_ipv4_and_the_public_ipv6_space_are_represented) {
  std::set<unsigned> quarters;
  int v6 = 0;
  for (const auto& item : plan_look_ups(Snapshot{}, 0, TargetPolicy{})) {
    if (item.destination.is_v4()) {
      quarters.insert(static_cast<unsigned>(item.destination.bytes()[0]) / 64U);
    } else {
      ++v6;
    }
  }
  BOOST_TEST(quarters.size() == 4U);
  BOOST_TEST(v6 >= 2);
}

BOOST_AUTO_TEST_CASE(an_ordinary_host_has_nothing_more_to_ask) { BOOST_TEST(asked(host()).empty()); }

BOOST_AUTO_TEST_CASE(an_injected_route_is_asked_for_wherever_it_stands) {
  const Reasons expected{"route 198.18.0.0/15 dev eth0 at 198.18.0.1"};
  BOOST_TEST(asked_for(route("198.18.0.0/15", eth0, "203.0.113.1")) == expected);
  auto in_local_table = route("198.18.0.0/15", eth0, "203.0.113.1");
  in_local_table.table = RT_TABLE_LOCAL;
  BOOST_TEST(asked_for(in_local_table) == expected);
}

BOOST_AUTO_TEST_CASE(an_on_link_route_without_an_own_address_is_no_connected_subnet) {
  BOOST_TEST(asked_for(route("198.51.100.0/24", eth0)) == Reasons{"route 198.51.100.0/24 dev eth0 at 198.51.100.1"});
  BOOST_TEST(asked_for(route("2001:db8:2::/64", eth0)) == Reasons{"route 2001:db8:2::/64 dev eth0 at 2001:db8:2::1"});
}

BOOST_AUTO_TEST_CASE(an_advertised_ipv6_prefix_is_connected_before_there_is_an_address_in_it) {
  auto advertised = route("2001:db8:2::/64", eth0);
  advertised.protocol = RTPROT_RA;
  BOOST_TEST(asked_for(advertised).empty());
  advertised.protocol = RTPROT_BOOT;
  BOOST_TEST(asked_for(advertised).size() == 1U);
  auto snapshot = host();
  snapshot.addresses.push_back(own(eth0, "2001:db8:2::7", 128));
  snapshot.routes.push_back(advertised);
  BOOST_TEST(asked(snapshot).empty());
}

BOOST_AUTO_TEST_CASE(a_connected_subnet_larger_than_a_lan_is_asked_for) {
  auto snapshot = host();
  snapshot.addresses.push_back(own(eth0, "203.0.113.10", 8));
  snapshot.routes.push_back(route("203.0.0.0/8", eth0));
  BOOST_TEST(asked(snapshot).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_host_whose_default_route_was_taken_away_keeps_its_lan) {
  auto snapshot = host();
  std::erase_if(snapshot.routes, [](const Route& item) { return item.destination.length() == 0; });
  BOOST_TEST(asked(snapshot).empty());
}

BOOST_AUTO_TEST_CASE(routes_by_the_tunnel_and_to_private_networks_are_not_asked_for) {
  BOOST_TEST(asked_for(route("198.18.0.0/15", wg0)).empty());
  BOOST_TEST(asked_for(route("10.0.0.0/8", eth0, "203.0.113.1")).empty());
  TargetPolicy policy;
  policy.local_networks = {prefix("198.18.0.0/15")};
  BOOST_TEST(asked_for(route("198.18.0.0/15", eth0, "203.0.113.1"), policy).empty());
}

BOOST_AUTO_TEST_CASE(one_leg_beside_the_tunnel_is_enough_to_be_asked_for) {
  auto legs = route("198.18.0.0/15", wg0);
  legs.next_hops.push_back(NextHop{eth0, ip("203.0.113.1")});
  BOOST_TEST(asked_for(legs).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_host_route_is_the_endpoints_until_the_endpoints_are_known) {
  const auto host_route = route("198.51.100.9/32", eth0, "203.0.113.1");
  BOOST_TEST(asked_for(host_route).empty());
  TargetPolicy policy;
  policy.endpoints = {ip("198.51.100.9")};
  BOOST_TEST(asked_for(host_route, policy).empty());
  policy.endpoints = {ip("198.51.100.10")};
  BOOST_TEST(asked_for(host_route, policy).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_full_routing_table_is_sampled) {
  auto snapshot = host();
  for (unsigned i = 0; i < 200; ++i) snapshot.routes.push_back(route("198.18." + std::to_string(i) + ".0/24", eth0, "203.0.113.1"));
  BOOST_TEST(asked(snapshot).size() == most_route_look_ups);
}

BOOST_AUTO_TEST_SUITE_END()
