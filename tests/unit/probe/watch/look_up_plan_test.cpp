#include "probe/watch/look_up_plan.hpp"

#include <linux/fib_rules.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 3;

/// A host on a LAN with public addresses.
Snapshot host() {
  Snapshot snapshot;
  snapshot.links = {link(eth0, "eth0", ""), link(wg0, "wg0", "wireguard")};
  snapshot.addresses = {own(eth0, "203.0.113.10", 24), own(eth0, "2001:db8:1::10", 64)};
  snapshot.routes = {route("0.0.0.0/0", eth0, "203.0.113.1"), route("203.0.113.0/24", eth0), route("2001:db8:1::/64", eth0),
                     route("::/0", eth0, "fe80::1")};
  return snapshot;
}

LookUpPlan plan(const Snapshot& snapshot, const TargetPolicy& policy = {}, std::vector<IpAddress> endpoints = {}) {
  const bool known = !endpoints.empty();
  return plan_look_ups({snapshot, policy, wg0, known, std::move(endpoints), {}, false, 0});
}

using Texts = std::vector<std::string>;

/// What is asked beside the public addresses.
Texts asked(const Snapshot& snapshot, const TargetPolicy& policy = {}, std::vector<IpAddress> endpoints = {}) {
  Texts destinations;
  const auto made = plan(snapshot, policy, std::move(endpoints));
  for (std::size_t i = 0; i < made.questions.size(); ++i) {
    if (!made.meanings[i].representative) destinations.push_back(made.questions[i].destination.to_string());
  }
  return destinations;
}

Texts asked_for(const Route& extra, const TargetPolicy& policy = {}, std::vector<IpAddress> endpoints = {}) {
  auto snapshot = host();
  snapshot.routes.push_back(extra);
  return asked(snapshot, policy, std::move(endpoints));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(look_up_plan)

BOOST_AUTO_TEST_CASE(every_quarter_of_ipv4_and_the_public_ipv6_space_are_represented) {
  std::set<unsigned> quarters;
  int v6 = 0;
  for (const auto& question : plan(Snapshot{}).questions) {
    if (question.destination.is_v4()) {
      quarters.insert(static_cast<unsigned>(question.destination.bytes()[0]) / 64U);
    } else {
      ++v6;
    }
  }
  BOOST_TEST(quarters.size() == 4U);
  BOOST_TEST(v6 >= 2);
}

BOOST_AUTO_TEST_CASE(an_ordinary_host_has_nothing_more_to_ask) { BOOST_TEST(asked(host()).empty()); }

BOOST_AUTO_TEST_CASE(an_injected_route_is_asked_for_wherever_it_stands) {
  const Texts expected{"198.18.0.1"};
  BOOST_TEST(asked_for(route("198.18.0.0/15", eth0, "203.0.113.1")) == expected);
  auto in_other_table = route("198.18.0.0/15", eth0, "203.0.113.1");
  in_other_table.table = 77;
  BOOST_TEST(asked_for(in_other_table) == expected);
}

BOOST_AUTO_TEST_CASE(a_destination_that_only_a_rule_names_is_asked_for) {
  auto snapshot = host();
  Rule rule;
  rule.destination = prefix("198.18.0.0/15");
  snapshot.rules = {rule};
  BOOST_TEST(asked(snapshot) == Texts{"198.18.0.1"});
}

BOOST_AUTO_TEST_CASE(an_on_link_route_without_an_own_address_is_no_connected_subnet) {
  BOOST_TEST(asked_for(route("198.51.100.0/24", eth0)) == Texts{"198.51.100.1"});
  BOOST_TEST(asked_for(route("2001:db8:2::/64", eth0)) == Texts{"2001:db8:2::1"});
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

BOOST_AUTO_TEST_CASE(a_network_that_claims_many_public_subnets_is_asked_about_the_later_ones) {
  auto snapshot = host();
  for (unsigned i = 0; i < 8; ++i) {
    auto advertised = route(fmt::format("2001:db8:{:x}::/64", 0x100 + i), eth0);
    advertised.protocol = RTPROT_RA;
    snapshot.routes.push_back(advertised);
  }
  BOOST_TEST(asked(snapshot).size() == 5U);
}

BOOST_AUTO_TEST_CASE(a_host_whose_default_route_was_taken_away_keeps_its_lan) {
  auto snapshot = host();
  std::erase_if(snapshot.routes, [](const Route& item) { return item.destination.length() == 0; });
  BOOST_TEST(asked(snapshot).empty());
}

BOOST_AUTO_TEST_CASE(a_part_of_the_tunnels_own_routes_is_asked_for_too) {
  BOOST_TEST(asked_for(route("198.18.0.0/15", wg0)) == Texts{"198.18.0.1"});
}

BOOST_AUTO_TEST_CASE(private_and_configured_networks_are_not_asked_for) {
  BOOST_TEST(asked_for(route("10.0.0.0/8", eth0, "203.0.113.1")).empty());
  TargetPolicy policy;
  policy.local_networks = {prefix("198.18.0.0/15")};
  BOOST_TEST(asked_for(route("198.18.0.0/15", eth0, "203.0.113.1"), policy).empty());
}

BOOST_AUTO_TEST_CASE(a_host_route_is_the_endpoints_until_the_endpoints_are_known) {
  const auto host_route = route("198.51.100.9/32", eth0, "203.0.113.1");
  BOOST_TEST(asked_for(host_route).empty());
  BOOST_TEST(asked_for(host_route, {}, {ip("198.51.100.9")}).empty());
  BOOST_TEST(asked_for(host_route, {}, {ip("198.51.100.10")}) == Texts{"198.51.100.9"});
}

BOOST_AUTO_TEST_CASE(a_route_to_the_endpoint_that_is_wider_than_a_host_is_asked_for_beside_it) {
  const auto wide = route("198.51.100.0/24", eth0, "203.0.113.1");
  BOOST_TEST(asked_for(wide, {}, {ip("198.51.100.2")}) == Texts{"198.51.100.1"});
}

BOOST_AUTO_TEST_CASE(every_kind_of_packet_is_asked_for_everywhere) {
  auto snapshot = host();
  Rule rule;
  rule.uids = UidRange{1000, 1999};
  rule.table = RT_TABLE_MAIN;
  snapshot.rules = {rule};
  const auto made = plan(snapshot);
  BOOST_REQUIRE(made.flows.size() == 3U);  // two of IPv4, one of IPv6, where there is no rule
  BOOST_TEST(made.flows[1].whom == "uid 1000-1999");
  const auto of_uid = std::ranges::count_if(made.questions, [](const RouteQuestion& item) { return item.flow.uid == 1000U; });
  BOOST_TEST(of_uid == 8);
}

BOOST_AUTO_TEST_CASE(a_full_routing_table_is_sampled_says_so_and_asks_everything_in_turn) {
  auto snapshot = host();
  for (unsigned i = 0; i < 6000; ++i) {
    snapshot.routes.push_back(route(fmt::format("198.{}.{}.0/24", 20 + i / 256, i % 256), eth0, "203.0.113.1"));
  }
  std::set<IpAddress> seen;
  for (std::size_t round = 0; round < 4; ++round) {
    const auto made = plan_look_ups({snapshot, {}, wg0, false, {}, {}, false, round});
    BOOST_TEST(made.questions.size() <= most_questions + public_addresses().size());
    BOOST_TEST(made.questions.size() + made.not_asked == 6013U);
    for (const auto& question : made.questions) seen.insert(question.destination);
  }
  BOOST_TEST(seen.size() == 6013U);
}

BOOST_AUTO_TEST_CASE(thousands_of_routes_into_the_tunnel_hide_no_injected_one) {
  auto snapshot = host();
  for (unsigned i = 0; i < 20'000; ++i)
    snapshot.routes.push_back(route(fmt::format("20.{}.{}.{}/32", i / 65536, i / 256 % 256, i % 256), wg0));
  snapshot.routes.push_back(route("198.18.0.0/15", eth0, "203.0.113.1"));
  auto thrown = route("20.0.7.0/24", wg0);
  thrown.type = RTN_THROW;
  snapshot.routes.push_back(thrown);
  const auto made = plan(snapshot);
  BOOST_TEST(made.not_asked == 0U);
  const auto asked_about = [&](std::string_view text) {
    return std::ranges::any_of(made.questions, [&](const RouteQuestion& item) { return prefix(text).contains(item.destination); });
  };
  BOOST_TEST(asked_about("198.18.0.0/15"));
  BOOST_TEST(made.questions.size() < 1000U);
}

BOOST_AUTO_TEST_CASE(public_subnets_that_are_trusted_without_being_named_are_told) {
  const auto trusted = [](const Snapshot& snapshot, const TargetPolicy& policy = {}) {
    Texts texts;
    for (const auto& subnet : plan(snapshot, policy).public_subnets)
      texts.push_back(fmt::format("{} {}", subnet.prefix.to_string(), subnet.link_index));
    return texts;
  };
  BOOST_TEST(trusted(host()) == (Texts{"203.0.113.0/24 2", "2001:db8:1::/64 2"}));
  TargetPolicy policy;
  policy.local_networks = {prefix("203.0.112.0/22")};
  BOOST_TEST(trusted(host(), policy) == Texts{"2001:db8:1::/64 2"});
  auto snapshot = host();
  auto again = route("203.0.113.0/24", eth0);
  again.table = 100;
  snapshot.routes.push_back(again);
  snapshot.addresses.push_back(own(wg0, "198.51.100.5", 24));
  snapshot.routes.push_back(route("198.51.100.0/24", wg0));
  snapshot.addresses.push_back(own(eth0, "192.168.1.5", 24));
  snapshot.routes.push_back(route("192.168.1.0/24", eth0));
  BOOST_TEST(trusted(snapshot) == trusted(host()));
}

BOOST_AUTO_TEST_CASE(kinds_of_packets_that_have_no_turn_count_with_all_the_questions_that_are_not_asked_for_them) {
  auto snapshot = host();
  for (std::uint32_t i = 1; i <= 100; ++i) {
    Rule by_mark;
    by_mark.action = FR_ACT_TO_TBL;
    by_mark.table = RT_TABLE_MAIN;
    by_mark.fwmark = i;
    by_mark.fwmask = 0xffffffff;
    snapshot.rules.push_back(by_mark);
  }
  std::set<std::uint32_t> marks;
  for (std::size_t round = 0; round < 8; ++round) {
    const auto made = plan_look_ups({snapshot, {}, wg0, false, {}, {}, false, round});
    BOOST_TEST(made.not_asked >= 76 * 8U);
    for (const auto& question : made.questions) marks.insert(question.flow.mark);
  }
  BOOST_TEST(marks.size() == 101U);
}

BOOST_AUTO_TEST_SUITE_END()
