// Next hop objects in the snapshot's store: routes that name only their object have its next hops.
#include <linux/nexthop.h>

#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <vector>

#include "tests/unit/netns/support/store_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// As the kernel writes it with net.ipv4.nexthop_compat_mode=0.
Payload by_object(std::string_view destination, std::uint32_t id) {
  rtmsg header{};
  header.rtm_family = family_of(destination);
  header.rtm_type = RTN_UNICAST;
  return Payload{header}.add(RTA_TABLE, std::uint32_t{RT_TABLE_MAIN}).add(RTA_NH_ID, id);
}

Payload next_hop(std::uint32_t id, std::uint32_t link_index) { return Payload{nhmsg{}}.add(NHA_ID, id).add(NHA_OIF, link_index); }

/// The weight of each member is its id.
Payload group(std::uint32_t id, std::initializer_list<std::uint32_t> members) {
  Bytes content;
  for (const auto member : members) {
    const auto entry = value_of(nexthop_grp{member, static_cast<std::uint8_t>(member), 0, 0});
    content.insert(content.end(), entry.begin(), entry.end());
  }
  return Payload{nhmsg{}}.add(NHA_ID, id).add(NHA_GROUP, content);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(snapshot_store_next_hops, StoreFixture)

BOOST_AUTO_TEST_CASE(a_route_that_names_only_its_next_hop_object_has_the_next_hops_of_the_object) {
  BOOST_TEST(only(RTM_NEWNEXTHOP, next_hop(7, wg0)).cause == "next hop object 7 dev wg0 added");
  BOOST_TEST(only(RTM_NEWROUTE, by_object("0.0.0.0", 7)).cause == "route default dev wg0 added");
  BOOST_TEST(now().routes[0].next_hops[0].link_index == wg0);
  only(RTM_NEWNEXTHOP, next_hop(7, eth0), NLM_F_REPLACE);
  BOOST_TEST(burst.cause == "next hop object 7 dev eth0 replaced");
  store.refresh_next_hops(burst);
  BOOST_TEST(burst.cause == "route default dev eth0 moved by its next hop object");
  BOOST_TEST(now().routes[0].next_hops[0].link_index == eth0);
  BOOST_TEST(doubts(DumpKind::routes_v4));
  BOOST_TEST(!only(RTM_NEWNEXTHOP, next_hop(7, eth0), NLM_F_REPLACE).changed);
  only(RTM_DELNEXTHOP, next_hop(7, eth0));
  store.refresh_next_hops(burst);
  BOOST_TEST(burst.cause == "route default dev eth0 deleted with its next hop object");
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(a_route_by_a_group_has_the_next_hops_of_its_members) {
  apply(RTM_NEWNEXTHOP, next_hop(7, wg0));
  apply(RTM_NEWNEXTHOP, next_hop(8, eth0));
  apply(RTM_NEWNEXTHOP, group(9, {7, 8}));
  apply(RTM_NEWROUTE, by_object("::", 9));
  BOOST_TEST((now().routes[0].next_hops == std::vector{NextHop{wg0, {}, 0, 7}, NextHop{eth0, {}, 0, 8}}));
  only(RTM_NEWLINK, link(wg0, "wg0", 0));
  store.refresh_next_hops(burst);
  BOOST_TEST((now().routes[0].next_hops == std::vector{NextHop{eth0, {}, 0, 8}}));
  BOOST_TEST((doubts(DumpKind::next_hop_objects) && doubts(DumpKind::routes_v6)));
  only(RTM_DELLINK, link(eth0, "eth0", up));
  store.refresh_next_hops(burst);
  BOOST_TEST(now().next_hop_objects.empty());
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(a_route_by_a_blackhole_object_is_a_blackhole) {
  apply(RTM_NEWNEXTHOP, Payload{nhmsg{}}.add(NHA_ID, 7U).add(NHA_BLACKHOLE, Bytes{}));
  apply(RTM_NEWROUTE, by_object("0.0.0.0", 7));
  BOOST_TEST(now().routes[0].type == RTN_BLACKHOLE);
  apply(RTM_NEWNEXTHOP, next_hop(7, wg0));
  store.refresh_next_hops(burst);
  BOOST_TEST(now().routes[0].type == RTN_UNICAST);
}

BOOST_AUTO_TEST_CASE(a_dump_of_next_hop_objects_moves_the_routes) {
  apply(RTM_NEWNEXTHOP, next_hop(7, wg0));
  apply(RTM_NEWROUTE, by_object("0.0.0.0", 7));
  SnapshotStore fresh;
  insert(fresh, DumpKind::next_hop_objects, RTM_NEWNEXTHOP, next_hop(8, wg0));
  insert(fresh, DumpKind::next_hop_objects, RTM_NEWNEXTHOP, next_hop(7, eth0));
  burst = {};
  store.adopt(DumpKind::next_hop_objects, fresh, burst);
  BOOST_TEST(burst.cause == "next hop object 8 dev wg0 found");
  store.refresh_next_hops(burst);
  BOOST_TEST(now().routes[0].next_hops[0].link_index == eth0);
  burst = {};
  store.adopt(DumpKind::next_hop_objects, {}, burst);
  BOOST_TEST(burst.cause == "next hop object 7 dev eth0 gone");
}

BOOST_AUTO_TEST_CASE(a_dumped_route_gets_the_next_hops_of_its_object) {
  apply(RTM_NEWNEXTHOP, next_hop(7, wg0));
  SnapshotStore fresh;
  insert(fresh, DumpKind::routes_v4, RTM_NEWROUTE, by_object("0.0.0.0", 7));
  store.adopt(DumpKind::routes_v4, fresh, burst);
  BOOST_TEST(now().routes[0].next_hops[0].link_index == wg0);
  burst = {};
  store.adopt(DumpKind::routes_v4, fresh, burst);
  BOOST_TEST(!burst.changed, burst.cause);
}

BOOST_AUTO_TEST_SUITE_END()
