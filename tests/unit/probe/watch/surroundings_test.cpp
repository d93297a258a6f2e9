#include "probe/watch/surroundings.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using test::link;
using test::own;

namespace {

using Names = std::vector<std::string>;

/// A host with eth0, and a tunnel.
struct Host {
  Snapshot snapshot;
  Observation seen;

  Host() {
    auto loopback = link(1, "lo", "");
    loopback.flags |= IFF_LOOPBACK;
    snapshot.links = {loopback, link(2, "eth0", ""), link(3, "wg0", "wireguard")};
    snapshot.addresses = {own(2, "192.0.2.1", 24), own(3, "10.8.0.2", 24)};
    seen.uplinks = {"eth0"};
  }
  [[nodiscard]] SurroundingsView look() const { return observe_surroundings(snapshot, snapshot.find_link(3), seen, {}); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(surroundings, Host)

BOOST_AUTO_TEST_CASE(a_link_without_an_address_of_its_own_is_told_as_long_as_it_leads_out) {
  BOOST_TEST(look().bare_devices.empty());
  snapshot.links.push_back(link(4, "eth1", ""));
  snapshot.links.push_back(link(5, "eth2", "", false));
  snapshot.links.push_back(link(6, "wwan0", "wwan"));
  BOOST_TEST((look().bare_devices == Names{"eth1", "wwan0"}));
}

BOOST_AUTO_TEST_CASE(what_lies_below_an_uplink_is_told) {
  snapshot.links.push_back(link(4, "br0", "bridge"));
  snapshot.links[1].master = 4;
  snapshot.addresses[0].link_index = 4;
  seen.uplinks = {"br0"};
  BOOST_TEST((look().bare_devices == Names{"eth0"}));
}

BOOST_AUTO_TEST_CASE(what_leads_into_the_machine_or_lies_above_another_link_is_not_told) {
  std::uint32_t index = 10;
  for (const auto* kind : {"veth", "bridge", "bond", "vlan", "macvlan", "dummy", "ifb", "tun", "wireguard"})
    snapshot.links.push_back(link(++index, kind, kind));
  auto can = link(++index, "can0", "");
  can.type = ARPHRD_CAN;
  snapshot.links.push_back(can);
  BOOST_TEST(look().bare_devices.empty());
}

BOOST_AUTO_TEST_CASE(without_hardware_a_veth_leads_out) {
  snapshot.links[1].kind = "veth";
  seen.uplinks.clear();
  BOOST_TEST((look().bare_devices == Names{"eth0"}));
}

BOOST_AUTO_TEST_CASE(an_uplink_by_ppp_is_carried_by_frames_of_its_own_also_while_it_is_down) {
  auto ppp = link(4, "ppp0", "ppp");
  ppp.type = ARPHRD_PPP;
  snapshot.links.push_back(ppp);
  seen.uplinks.push_back("ppp0");
  const auto view = look();
  BOOST_TEST((view.carrying_types == std::vector<std::uint16_t>{0x8863, 0x8864}));
  seen.uplinks.pop_back();
  BOOST_TEST((observe_surroundings(snapshot, nullptr, seen, view).carrying_types == view.carrying_types));
  BOOST_TEST(look().carrying_types.empty());
}

BOOST_AUTO_TEST_CASE(neighbours_are_gateways_and_routes_without_one_beside_the_subnets_of_uplinks) {
  snapshot.routes = {
      test::route("0.0.0.0/0", 2, "192.0.2.2"),     test::route("::/0", 2, "2001:db8:ff::1"), test::route("2001:db8:ff::1/128", 2),
      test::route("198.51.100.128/25", 2),          test::route("192.0.2.128/25", 2),         test::route("0.0.0.0/0", 3),
      test::route("203.0.113.0/24", 3, "10.8.0.1"), test::route("::/0", 2, "fe80::1")};
  const auto view = look();
  BOOST_TEST((view.on_link == std::vector{test::prefix("192.0.2.0/24")}));
  BOOST_TEST((view.neighbours == std::vector{test::prefix("2001:db8:ff::1/128"), test::prefix("198.51.100.128/25")}));
}

BOOST_AUTO_TEST_CASE(a_default_route_without_a_gateway_makes_nobody_a_neighbour) {
  snapshot.routes = {test::route("0.0.0.0/0", 2), test::route("::/0", 2), test::route("2000::/3", 2)};
  BOOST_TEST(look().neighbours.empty());
}

BOOST_AUTO_TEST_SUITE_END()
