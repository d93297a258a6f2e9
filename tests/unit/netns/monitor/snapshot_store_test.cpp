#include "netns/monitor/snapshot_store.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <vector>

#include "tests/unit/netns/support/store_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_FIXTURE_TEST_SUITE(snapshot_store, StoreFixture)

BOOST_AUTO_TEST_CASE(a_link_is_kept_by_its_index) {
  BOOST_TEST(only(RTM_NEWLINK, link(7, "tun0", 0)).cause == "link tun0 added");
  BOOST_TEST(only(RTM_NEWLINK, link(7, "tun1", 0)).cause == "link tun0 renamed to tun1");
  BOOST_TEST(now().links.size() == 3U);
  BOOST_TEST(only(RTM_DELLINK, link(7, "tun1", 0)).cause == "link tun1 deleted");
  BOOST_TEST(now().links.size() == 2U);
}

BOOST_AUTO_TEST_CASE(statistics_are_taken_over_without_being_a_change) {
  BOOST_TEST(!only(RTM_NEWLINK, link(wg0, "wg0", up, 12345)).changed);
  BOOST_TEST(now().find_link("wg0")->rx_bytes == 12345U);
}

BOOST_AUTO_TEST_CASE(the_deletion_of_a_link_that_is_not_known_is_no_change) { BOOST_TEST(!only(RTM_DELLINK, link(99, "gone", 0)).changed); }

BOOST_AUTO_TEST_CASE(what_cannot_be_read_from_a_message_is_read_again) {
  rtmsg damaged{};
  damaged.rtm_family = AF_INET;
  damaged.rtm_dst_len = 99;
  only(RTM_NEWROUTE, Payload{damaged});
  BOOST_TEST(doubts(DumpKind::routes_v4));
  fib_rule_hdr rule{};
  rule.family = AF_INET6;
  rule.dst_len = 200;
  only(RTM_DELRULE, Payload{rule});
  BOOST_TEST(doubts(DumpKind::rules_v6));
}

BOOST_AUTO_TEST_CASE(a_link_that_goes_down_takes_its_ipv4_routes_silently_along) {
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0, 51820));
  apply(RTM_NEWROUTE, route("198.18.0.0", 15, wg0));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  apply(RTM_NEWROUTE, route("::", 0, wg0));
  const auto down = only(RTM_NEWLINK, link(wg0, "wg0", 0, 0, 0));
  BOOST_TEST(down.cause == "link wg0 down");
  BOOST_TEST(doubts(DumpKind::routes_v4));
  BOOST_TEST_REQUIRE(now().routes.size() == 2U);
  BOOST_TEST((std::ranges::count(now().routes, Family::v6, &Route::family) == 1));
  BOOST_TEST((std::ranges::count(now().routes, eth0, [](const Route& kept) { return kept.next_hops.front().link_index; }) == 1));
}

BOOST_AUTO_TEST_CASE(a_deleted_link_takes_addresses_and_ipv4_routes_along) {
  apply(RTM_NEWADDR, address(wg0, "198.19.0.2"));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  only(RTM_DELLINK, link(wg0, "wg0", up));
  BOOST_TEST(now().addresses.empty());
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(the_last_ipv4_address_takes_the_ipv4_routes_of_its_link_along) {
  apply(RTM_NEWADDR, address(wg0, "198.19.0.2"));
  apply(RTM_NEWADDR, address(wg0, "198.19.0.3"));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  only(RTM_DELADDR, address(wg0, "198.19.0.3"));
  BOOST_TEST(now().routes.size() == 1U);
  BOOST_TEST(doubts(DumpKind::routes_v4));
  BOOST_TEST(only(RTM_DELADDR, address(wg0, "198.19.0.2")).cause == "address 198.19.0.2/32 of wg0 removed");
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_leaves_ipv4_routes_alone) {
  apply(RTM_NEWADDR, address(wg0, "2001:db8::2"));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  only(RTM_DELADDR, address(wg0, "2001:db8::2"));
  BOOST_TEST(now().routes.size() == 1U);
  BOOST_TEST(burst.doubtful.none());
}

BOOST_AUTO_TEST_CASE(the_renewal_of_an_address_is_no_change_and_new_flags_are) {
  apply(RTM_NEWADDR, address(wg0, "2001:db8::2", IFA_F_TENTATIVE));
  BOOST_TEST(!only(RTM_NEWADDR, address(wg0, "2001:db8::2", IFA_F_TENTATIVE)).changed);
  BOOST_TEST(only(RTM_NEWADDR, address(wg0, "2001:db8::2")).cause == "address 2001:db8::2/128 of wg0 changed");
  BOOST_TEST(now().addresses.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_replaced_route_leaves_only_the_new_one) {
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  BOOST_TEST(only(RTM_NEWROUTE, route("0.0.0.0", 0, eth0), NLM_F_REPLACE).cause == "route default dev eth0 replaced");
  BOOST_TEST_REQUIRE(now().routes.size() == 1U);
  BOOST_TEST(now().routes[0].next_hops[0].link_index == eth0);
  BOOST_TEST(burst.doubtful.none());
}

BOOST_AUTO_TEST_CASE(which_of_several_routes_was_replaced_must_be_looked_up) {
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, wg0));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, eth0), NLM_F_APPEND);
  BOOST_TEST(now().routes.size() == 2U);
  only(RTM_NEWROUTE, route("0.0.0.0", 0, 9), NLM_F_REPLACE);
  BOOST_TEST(doubts(DumpKind::routes_v4));
}

BOOST_AUTO_TEST_CASE(an_ipv6_route_that_gains_a_next_hop_must_be_looked_up) {
  apply(RTM_NEWROUTE, route("::", 0, wg0));
  only(RTM_NEWROUTE, route("::", 0, eth0), NLM_F_APPEND);
  BOOST_TEST(doubts(DumpKind::routes_v6));
}

BOOST_AUTO_TEST_CASE(a_deleted_route_that_was_not_known_is_a_change_and_a_doubt) {
  BOOST_TEST(only(RTM_DELROUTE, route("0.0.0.0", 0, wg0, 51820)).cause == "route default dev wg0 table 51820 deleted");
  BOOST_TEST(doubts(DumpKind::routes_v4));
}

BOOST_AUTO_TEST_CASE(cached_routes_are_ignored_and_local_entries_are_told_but_not_kept) {
  BOOST_TEST(!only(RTM_NEWROUTE, route("2001:db8::1", 128, wg0, RT_TABLE_MAIN, RTN_UNICAST, RTM_F_CLONED)).changed);
  BOOST_TEST(only(RTM_NEWROUTE, route("198.19.0.2", 32, wg0, RT_TABLE_LOCAL, RTN_LOCAL)).changed);
  BOOST_TEST(now().routes.empty());
}

BOOST_AUTO_TEST_CASE(a_unicast_route_in_the_local_table_is_kept_because_it_is_asked_first) {
  BOOST_TEST(only(RTM_NEWROUTE, route("128.0.0.0", 1, eth0, RT_TABLE_LOCAL)).cause == "route 128.0.0.0/1 dev eth0 table local added");
  BOOST_TEST(now().routes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(rules_stand_in_the_order_in_which_the_kernel_asks_them) {
  apply(RTM_NEWRULE, rule(32766, RT_TABLE_MAIN));
  apply(RTM_NEWRULE, rule(0, RT_TABLE_LOCAL, AF_INET6));
  apply(RTM_NEWRULE, rule(100, 1));
  apply(RTM_NEWRULE, rule(100, 2));
  std::vector<std::uint32_t> tables;
  for (const auto& each : now().rules) tables.push_back(each.table);
  const std::vector<std::uint32_t> expected{1, 2, RT_TABLE_MAIN, RT_TABLE_LOCAL};
  BOOST_TEST(tables == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_two_equal_rules_a_deletion_takes_one) {
  apply(RTM_NEWRULE, rule(100, 1));
  apply(RTM_NEWRULE, rule(100, 1));
  only(RTM_DELRULE, rule(100, 1));
  BOOST_TEST(now().rules.size() == 1U);
  BOOST_TEST(burst.doubtful.none());
  only(RTM_DELRULE, rule(200, 1));
  BOOST_TEST(doubts(DumpKind::rules_v4));
}

BOOST_AUTO_TEST_CASE(a_link_that_is_enslaved_or_moves_away_is_told) {
  BOOST_TEST(only(RTM_NEWLINK, link(wg0, "wg0", up).add(IFLA_MASTER, eth0)).cause == "link wg0 enslaved to eth0");
  BOOST_TEST(doubts(DumpKind::routes_v4));
  BOOST_TEST(only(RTM_NEWLINK, link(wg0, "wg0", up)).cause == "link wg0 released from eth0");
  BOOST_TEST(only(RTM_DELLINK, link(wg0, "wg0", up).add(IFLA_NEW_NETNSID, 0U)).cause == "link wg0 moved to another network namespace");
}

BOOST_AUTO_TEST_CASE(unknown_and_damaged_messages_change_nothing) {
  const auto before = now();
  for (const std::uint16_t type :
       std::initializer_list<std::uint16_t>{0, 2, 3, 16, 17, 20, 21, 24, 25, 28, 32, 33, 56, 57, 68, 200, 65535}) {
    BOOST_TEST(!only(type, Payload{}).changed, type);
    BOOST_TEST(!only(type, Payload{0xffffffffU}).changed, type);
  }
  BOOST_TEST((now() == before));
}

BOOST_AUTO_TEST_CASE(the_cause_is_the_first_of_the_most_telling_changes) {
  apply(RTM_NEWROUTE, route("198.19.0.2", 32, wg0, RT_TABLE_LOCAL, RTN_LOCAL));
  BOOST_TEST(burst.cause == "route local 198.19.0.2 dev wg0 table local added");
  apply(RTM_NEWROUTE, route("198.51.100.2", 32, eth0));
  apply(RTM_NEWRULE, rule(100, 1));
  BOOST_TEST(burst.cause == "route 198.51.100.2 dev eth0 added");
  apply(RTM_NEWROUTE, route("128.0.0.0", 1, eth0));
  apply(RTM_NEWROUTE, route("0.0.0.0", 0, eth0));
  BOOST_TEST(burst.cause == "route 128.0.0.0/1 dev eth0 added");
  apply(RTM_NEWLINK, link(eth0, "eth0", IFF_UP));
  BOOST_TEST(burst.cause == "link eth0 lost its carrier");
  apply(RTM_NEWLINK, link(wg0, "wg0", 0));
  apply(RTM_DELLINK, link(wg0, "wg0", 0));
  BOOST_TEST(burst.cause == "link wg0 down (set down)");
}

BOOST_AUTO_TEST_SUITE_END()
