#include "netns/monitor/snapshot_store.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 5;
constexpr unsigned up = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

Bytes address_bytes(std::string_view text) {
  const auto address = IpAddress::parse(text).value();
  const auto bytes = std::as_bytes(address.bytes());
  return {bytes.begin(), bytes.end()};
}

unsigned char family_of(std::string_view address) { return address.find(':') == std::string_view::npos ? AF_INET : AF_INET6; }

Payload link(std::uint32_t index, std::string_view name, unsigned flags, std::uint64_t rx_bytes = 0, unsigned carrier = 1) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = flags;
  rtnl_link_stats64 statistics{};
  statistics.rx_bytes = rx_bytes;
  return Payload{header}.add(IFLA_IFNAME, name).add(IFLA_CARRIER, bytes_of({carrier})).add(IFLA_STATS64, value_of(statistics));
}

Payload address(std::uint32_t index, std::string_view text, std::uint32_t flags = 0) {
  const auto bytes = address_bytes(text);
  const auto length = static_cast<unsigned char>(bytes.size() * 8);
  return Payload{ifaddrmsg{family_of(text), length, 0, 0, index}}.add(IFA_LOCAL, bytes).add(IFA_FLAGS, flags);
}

Payload route(std::string_view destination, unsigned length, std::uint32_t link_index, std::uint32_t table = RT_TABLE_MAIN,
              unsigned char type = RTN_UNICAST, unsigned flags = 0) {
  rtmsg header{};
  header.rtm_family = family_of(destination);
  header.rtm_dst_len = static_cast<unsigned char>(length);
  header.rtm_type = type;
  header.rtm_flags = flags;
  Payload payload{header};
  if (length != 0) payload.add(RTA_DST, address_bytes(destination));
  return payload.add(RTA_TABLE, table).add(RTA_OIF, link_index);
}

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

Payload rule(std::uint32_t priority, std::uint32_t table, unsigned char family = AF_INET) {
  fib_rule_hdr header{};
  header.family = family;
  header.action = FR_ACT_TO_TBL;
  return Payload{header}.add(FRA_PRIORITY, priority).add(FRA_TABLE, table);
}

/// A store with two links that are up.
struct Fixture {
  SnapshotStore store;
  Burst burst;

  Fixture() {
    apply(RTM_NEWLINK, link(eth0, "eth0", up));
    apply(RTM_NEWLINK, link(wg0, "wg0", up));
    burst = {};
  }
  void apply(std::uint16_t type, const Payload& payload, std::uint16_t flags = 0) { store.apply({type, flags, 0, 0, payload}, burst); }
  /// Applies one message alone.
  Burst only(std::uint16_t type, const Payload& payload, std::uint16_t flags = 0) {
    burst = {};
    apply(type, payload, flags);
    return burst;
  }
  [[nodiscard]] const Snapshot& now() const { return store.snapshot(); }
  [[nodiscard]] bool doubts(DumpKind kind) const { return burst.doubtful.test(position(kind)); }
};

void insert(SnapshotStore& store, DumpKind kind, std::uint16_t type, const Payload& payload) {
  store.insert(kind, {type, NLM_F_MULTI, 0, 0, payload});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(snapshot_store, Fixture)

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
