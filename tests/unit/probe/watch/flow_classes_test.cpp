#include "probe/watch/flow_classes.hpp"

#include <linux/fib_rules.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "probe/watch/rule_match.hpp"
#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 3;
constexpr std::uint32_t tunnel_table = 51820;

Rule rule(std::uint32_t table = RT_TABLE_MAIN) {
  Rule made;
  made.action = FR_ACT_TO_TBL;
  made.table = table;
  return made;
}

Snapshot host(std::vector<Rule> rules) {
  Snapshot snapshot;
  snapshot.links = {link(eth0, "eth0", ""), link(wg0, "wg0", "wireguard")};
  snapshot.addresses = {own(eth0, "203.0.113.10", 24)};
  snapshot.routes = {route("0.0.0.0/0", eth0, "203.0.113.1"), route("0.0.0.0/0", wg0)};
  snapshot.routes.back().table = tunnel_table;
  snapshot.rules = std::move(rules);
  return snapshot;
}

FlowClasses classes(const Snapshot& snapshot, const TargetPolicy& policy = {}) {
  return flow_classes(snapshot, Family::v4, wg0, policy, exempting_marks(snapshot, wg0));
}

using Texts = std::vector<std::string>;

Texts whom(const std::vector<Rule>& rules, const TargetPolicy& policy = {}) {
  Texts texts;
  for (const auto& item : classes(host(rules), policy).classes) texts.push_back(item.whom);
  return texts;
}

Rule by_mark(std::uint32_t mark, std::uint32_t mask = 0xffffffff) {
  auto made = rule();
  made.fwmark = mark;
  made.fwmask = mask;
  return made;
}

Rule by_uid(std::uint32_t first, std::uint32_t last) {
  auto made = rule();
  made.uids = UidRange{first, last};
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(classes_of_flows)

BOOST_AUTO_TEST_CASE(without_selecting_rules_all_packets_are_alike) {
  BOOST_TEST(whom({}) == Texts{""});
  auto by_destination = rule();
  by_destination.destination = prefix("198.18.0.0/15");
  BOOST_TEST(whom({rule(RT_TABLE_LOCAL), rule(), by_destination}) == Texts{""});
}

BOOST_AUTO_TEST_CASE(each_selector_makes_a_class_of_its_own) {
  auto by_port = rule();
  by_port.ip_protocol = IPPROTO_TCP;
  by_port.destination_ports = PortRange{443, 443};
  auto by_source_port = rule();
  by_source_port.source_ports = PortRange{5000, 5999};
  auto by_tos = rule();
  by_tos.tos = 0x10;
  BOOST_TEST(whom({by_mark(1)}) == (Texts{"", "mark 0x1"}));
  BOOST_TEST(whom({by_uid(1000, 1999)}) == (Texts{"", "uid 1000-1999"}));
  BOOST_TEST(whom({by_port}) == (Texts{"", "TCP to port 443"}));
  BOOST_TEST(whom({by_source_port}) == (Texts{"", "from port 5000-5999"}));
  BOOST_TEST(whom({by_tos}) == (Texts{"", "tos 0x10"}));
}

BOOST_AUTO_TEST_CASE(the_representative_is_selected_by_the_rule_and_the_ordinary_one_is_not) {
  const auto one = by_uid(0, 999);
  const auto made = classes(host({one})).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST(!applies(one, made[0].flow, ip("198.51.100.7")));
  BOOST_TEST(applies(one, made[1].flow, ip("198.51.100.7")));
  BOOST_TEST(made[1].selector == "uid 0");
}

BOOST_AUTO_TEST_CASE(overlapping_ranges_are_cut_where_they_begin_and_end) {
  BOOST_TEST(whom({by_uid(1000, 1999), by_uid(1500, 2999)}) == (Texts{"", "uid 1000-1499", "uid 1500-1999", "uid 2000-2999"}));
}

BOOST_AUTO_TEST_CASE(an_inverted_rule_tells_apart_what_it_spares) {
  auto spared = by_uid(1000, 1000);
  spared.flags = FIB_RULE_INVERT;
  spared.table = tunnel_table;
  const auto made = classes(host({spared})).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST(made[1].whom == "uid 1000");
  BOOST_TEST(!applies(spared, made[1].flow, ip("198.51.100.7")));
  BOOST_TEST(applies(spared, made[0].flow, ip("198.51.100.7")));
}

BOOST_AUTO_TEST_CASE(the_vpns_own_mark_is_not_asked_for) {
  auto exempting = by_mark(51820);
  exempting.flags = FIB_RULE_INVERT;
  exempting.table = tunnel_table;
  BOOST_TEST(whom({exempting}) == Texts{""});
  BOOST_TEST((exempting_marks(host({exempting}), wg0) == std::vector<MarkMatch>{{51820}}));
  // Such a rule around any other table exempts nobody from the tunnel.
  exempting.table = RT_TABLE_MAIN;
  BOOST_TEST(whom({exempting}) == (Texts{"", "mark 0xca6c"}));
  auto snapshot = host({exempting});
  // A table that leads nowhere is nobody's: a rule around it exempts from nothing.
  snapshot.rules[0].table = 77;
  BOOST_TEST(exempting_marks(snapshot, wg0).empty());
  snapshot.routes.push_back(route("0.0.0.0/0", eth0, "203.0.113.1"));
  snapshot.routes.back().table = 77;
  BOOST_TEST(exempting_marks(snapshot, wg0).empty());
}

BOOST_AUTO_TEST_CASE(what_the_policy_lets_bypass_is_left_out_and_hides_nobody_else) {
  TargetPolicy policy;
  policy.allow_uids = {{1000, 1000}};
  BOOST_TEST(whom({by_uid(1000, 1000)}, policy) == Texts{""});
  BOOST_TEST(whom({by_uid(1000, 1001)}, policy) == (Texts{"", "uid 1001"}));
  policy.allow_marks = {{0x100, 0xff00}};
  BOOST_TEST(whom({by_mark(0x100, 0xff00), by_mark(0x200, 0xff00)}, policy) == (Texts{"", "mark 0x200"}));
}

BOOST_AUTO_TEST_CASE(packets_that_two_rules_select_are_a_class_of_their_own) {
  BOOST_TEST(whom({by_mark(1), by_uid(1000, 1000)}) == (Texts{"", "uid 1000", "mark 0x1", "mark 0x1 uid 1000"}));
}

BOOST_AUTO_TEST_CASE(a_rule_for_unmarked_packets_tells_apart_the_marked_ones) {
  const auto made = classes(host({by_mark(0, 0xff)})).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST((made[0].flow.mark == 0 && made[1].flow.mark == 1));
}

BOOST_AUTO_TEST_CASE(a_rule_for_everybody_leaves_an_ordinary_packet) { BOOST_TEST(whom({by_uid(0, 4294967295U)}) == Texts{""}); }

BOOST_AUTO_TEST_CASE(a_connection_is_looked_up_again_with_the_tunnels_address) {
  auto by_source = rule();
  by_source.source = prefix("10.8.0.2/32");
  auto snapshot = host({by_source});
  snapshot.addresses.push_back(own(wg0, "10.8.0.2", 24));
  const auto made = classes(snapshot).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST(made[1].whom == "connections from 10.8.0.2");
  BOOST_TEST(!made[1].bound);
  // A rule for packets without a source yet spares every connection.
  snapshot.rules[0].source = prefix("0.0.0.0/32");
  const auto spared = classes(snapshot).classes;
  BOOST_REQUIRE(spared.size() == 2U);
  BOOST_TEST((spared[1].flow.source == ip("10.8.0.2")));
}

BOOST_AUTO_TEST_CASE(a_route_for_one_type_of_service_or_one_source_tells_packets_apart_without_any_rule) {
  auto snapshot = host({});
  auto by_tos = route("0.0.0.0/0", eth0, "203.0.113.1");
  by_tos.tos = 0x10;
  snapshot.routes.push_back(by_tos);
  const auto made = classes(snapshot).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST(made[1].whom.empty());
  BOOST_TEST(made[1].flow.tos == 0x10);
  auto by_source = route("::/0", eth0, "fe80::1");
  by_source.source = prefix("2001:db8:1::/64");
  snapshot.routes.push_back(by_source);
  snapshot.addresses.push_back(own(eth0, "2001:db8:1::10", 64));
  const auto v6 = flow_classes(snapshot, Family::v6, wg0, {}, {}).classes;
  BOOST_REQUIRE(v6.size() == 2U);
  BOOST_TEST(v6[1].bound);
  BOOST_TEST(!v6[1].whom.empty());
}

BOOST_AUTO_TEST_CASE(a_protocol_that_no_rule_names_falls_through_and_is_asked_about) {
  auto udp = rule(tunnel_table);
  udp.ip_protocol = IPPROTO_UDP;
  auto tcp = udp;
  tcp.ip_protocol = IPPROTO_TCP;
  const auto made = classes(host({udp, tcp})).classes;
  BOOST_TEST(std::ranges::any_of(made, [](const FlowClass& item) { return item.flow.ip_protocol == IPPROTO_ICMP; }));
}

BOOST_AUTO_TEST_CASE(marks_under_different_masks_are_combined) {
  const auto made = classes(host({by_mark(1, 1), by_mark(2, 2)})).classes;
  BOOST_TEST(std::ranges::any_of(made, [](const FlowClass& item) { return item.flow.mark == 3; }));
}

BOOST_AUTO_TEST_CASE(hundreds_of_rules_with_every_selector_take_bounded_time_and_say_what_is_left_out) {
  std::vector<Rule> rules;
  for (std::uint32_t i = 1; i <= 400; ++i) {
    auto made = by_uid(i * 10, i * 10 + 5);
    made.fwmark = i;
    made.fwmask = 0xffffffff;
    made.source_ports = PortRange{static_cast<std::uint16_t>(i * 20), static_cast<std::uint16_t>(i * 20 + 9)};
    made.destination_ports = made.source_ports;
    rules.push_back(made);
  }
  const auto made = classes(host(rules));
  BOOST_TEST(made.classes.size() <= most_flow_classes);
  BOOST_TEST(made.left_out > 0U);
}

BOOST_AUTO_TEST_CASE(sockets_bound_to_an_own_address_are_told_as_such) {
  auto by_source = rule();
  by_source.source = prefix("203.0.113.0/24");
  const auto made = classes(host({by_source})).classes;
  BOOST_REQUIRE(made.size() == 2U);
  BOOST_TEST(made[1].whom == "sockets bound to 203.0.113.10");
  BOOST_TEST(made[1].bound);
  by_source.source = prefix("192.0.2.0/24");
  BOOST_TEST(whom({by_source}) == Texts{""});
}

BOOST_AUTO_TEST_CASE(what_the_kernel_cannot_be_asked_about_is_named_where_it_may_let_out) {
  auto sctp = rule();
  sctp.ip_protocol = IPPROTO_SCTP;
  auto newer = rule();
  newer.has_unknown = true;
  BOOST_TEST(classes(host({sctp, newer})).unasked_rules.size() == 2U);
  sctp.table = newer.table = tunnel_table;
  // What takes part of the packets into the tunnel by something unknown leaves the others to the next table.
  BOOST_TEST(classes(host({sctp})).unasked_rules.empty());
  BOOST_TEST(classes(host({newer})).unasked_rules.size() == 1U);
  sctp.flags = FIB_RULE_INVERT;
  BOOST_TEST(classes(host({sctp})).unasked_rules.size() == 1U);
  auto closed = host({sctp, newer});
  closed.routes.erase(closed.routes.begin());
  BOOST_TEST(classes(closed).unasked_rules.empty());
}

BOOST_AUTO_TEST_CASE(rules_of_the_other_family_and_of_other_interfaces_tell_no_packet_apart) {
  auto v6 = by_mark(1);
  v6.family = Family::v6;
  auto forwarded = by_mark(2);
  forwarded.input_interface = "br0";
  BOOST_TEST(whom({v6}) == Texts{""});
  BOOST_TEST(whom({forwarded}) == Texts{""});
}

BOOST_AUTO_TEST_CASE(the_number_of_classes_is_bounded_and_the_rest_is_counted) {
  std::vector<Rule> rules;
  for (std::uint32_t i = 1; i <= 100; ++i) rules.push_back(by_mark(i));
  const auto made = classes(host(rules));
  BOOST_TEST(made.classes.size() <= most_flow_classes);
  BOOST_TEST(made.left_out > 0U);
}

BOOST_AUTO_TEST_CASE(classes_beyond_the_bound_have_their_turn_and_the_simple_ones_are_asked_about_in_every_round) {
  std::vector<Rule> rules;
  for (std::uint32_t i = 1; i <= 100; ++i) rules.push_back(by_mark(i));
  for (std::uint32_t i = 1; i <= 30; ++i) rules.push_back(by_uid(i * 100, i * 100));
  const auto snapshot = host(rules);
  std::set<std::uint32_t> marks;
  std::set<std::uint32_t> uids;
  for (std::size_t round = 0; round < 64; ++round) {
    const auto made = flow_classes(snapshot, Family::v4, wg0, {}, exempting_marks(snapshot, wg0), round);
    BOOST_TEST(made.rotates);
    BOOST_TEST(made.classes.size() <= most_flow_classes);
    BOOST_TEST(made.left_out > 0U);
    BOOST_TEST(made.classes.front().whom.empty());
    BOOST_TEST(std::ranges::any_of(made.classes, [](const FlowClass& item) { return item.whom == "mark 0x1"; }));
    for (const auto& item : made.classes) {
      if (item.flow.mark != 0) marks.insert(item.flow.mark);
      if (item.whom.starts_with("uid")) uids.insert(*item.flow.uid);
    }
  }
  BOOST_TEST(marks.size() == 100U);
  BOOST_TEST(uids.size() == 30U);
}

BOOST_AUTO_TEST_SUITE_END()
