// Dumps in the snapshot's store: what was read whole replaces what is held, and the difference is told.
#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/store_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_FIXTURE_TEST_SUITE(snapshot_store_dumps, StoreFixture)

BOOST_AUTO_TEST_CASE(a_dump_that_agrees_changes_nothing_whatever_its_order) {
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  apply(RTM_NEWROUTE, route("198.18.0.0", 15, wg0));
  apply(RTM_NEWADDR, address(wg0, "198.19.0.2"));
  apply(RTM_NEWADDR, address(eth0, "203.0.113.10"));
  apply(RTM_NEWRULE, rule(100, 1));
  SnapshotStore fresh;
  insert(fresh, DumpKind::routes_v4, RTM_NEWROUTE, route("198.18.0.0", 15, wg0));
  insert(fresh, DumpKind::routes_v4, RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  insert(fresh, DumpKind::addresses, RTM_NEWADDR, address(eth0, "203.0.113.10"));
  insert(fresh, DumpKind::addresses, RTM_NEWADDR, address(wg0, "198.19.0.2"));
  insert(fresh, DumpKind::rules_v4, RTM_NEWRULE, rule(100, 1));
  insert(fresh, DumpKind::links, RTM_NEWLINK, link(wg0, "wg0", up, 99));
  insert(fresh, DumpKind::links, RTM_NEWLINK, link(eth0, "eth0", up, 99));
  burst = {};
  for (const auto kind :
       {DumpKind::links, DumpKind::addresses, DumpKind::routes_v4, DumpKind::routes_v6, DumpKind::rules_v4, DumpKind::rules_v6}) {
    store.adopt(kind, fresh, burst);
  }
  BOOST_TEST(!burst.changed, burst.cause);
  BOOST_TEST(now().find_link("wg0")->rx_bytes == 99U);
}

BOOST_AUTO_TEST_CASE(a_dump_replaces_one_part_of_one_family_and_names_the_first_difference) {
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0, 51820));
  apply(RTM_NEWROUTE, route("::", 0, wg0));
  SnapshotStore fresh;
  insert(fresh, DumpKind::routes_v4, RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  burst = {};
  store.adopt(DumpKind::routes_v4, fresh, burst);
  BOOST_TEST(burst.cause == "route default dev wg0 table 51820 gone");
  BOOST_TEST(now().routes.size() == 2U);
  burst = {};
  apply(RTM_DELROUTE, route("0.0.0.0", 0, eth0));
  BOOST_TEST(burst.doubtful.none());
  BOOST_TEST(now().routes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_dump_without_a_link_removes_it_with_all_that_depends_on_it) {
  apply(RTM_NEWADDR, address(wg0, "198.19.0.2"));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  SnapshotStore fresh;
  insert(fresh, DumpKind::links, RTM_NEWLINK, link(eth0, "eth0", up));
  burst = {};
  store.adopt(DumpKind::links, fresh, burst);
  BOOST_TEST(burst.cause == "link wg0 deleted");
  BOOST_TEST(now().links.size() == 1U);
  BOOST_TEST(now().addresses.empty());
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(entries_of_another_kind_do_not_enter_a_dump) {
  SnapshotStore fresh;
  insert(fresh, DumpKind::routes_v6, RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  insert(fresh, DumpKind::rules_v6, RTM_NEWRULE, rule(100, 1));
  insert(fresh, DumpKind::links, RTM_NEWADDR, address(eth0, "203.0.113.10"));
  BOOST_TEST((fresh.snapshot() == Snapshot{}));
}

BOOST_AUTO_TEST_CASE(rules_that_are_gone_and_found_are_told) {
  apply(RTM_NEWRULE, rule(100, 1));
  SnapshotStore fresh;
  burst = {};
  store.adopt(DumpKind::rules_v4, fresh, burst);
  BOOST_TEST(burst.cause == "rule 100 from all lookup 1 gone");
  insert(fresh, DumpKind::rules_v4, RTM_NEWRULE, rule(200, 2));
  burst = {};
  store.adopt(DumpKind::rules_v4, fresh, burst);
  BOOST_TEST(burst.cause == "rule 200 from all lookup 2 found");
  BOOST_TEST(now().rules.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
