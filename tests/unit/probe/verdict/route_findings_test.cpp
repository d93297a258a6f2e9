#include "probe/verdict/route_findings.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

using Way::Kind::outside;
using Way::Kind::tunnel;

constexpr std::uint8_t kernel = 2;
constexpr std::uint8_t router_advertisement = 9;
constexpr std::uint8_t dhcp = 16;

Observation with(std::vector<LookUp> more) {
  auto seen = sound();
  seen.look_ups.insert(seen.look_ups.end(), more.begin(), more.end());
  return seen;
}

/// What the packets of a rule do: `flow` 1.
Observation with_selected(LookUp more, std::string whom, bool bound = false) {
  more.flow = 1;
  auto seen = with({std::move(more)});
  seen.flows = {{}, {std::move(whom), "uid 1000", bound}};
  return seen;
}

/// The only finding that says so.
Finding unverifiable(const Verdict& verdict) {
  BOOST_REQUIRE(std::ranges::count(verdict.findings, "routes_unverifiable", &Finding::code) == 1);
  return *std::ranges::find(verdict.findings, "routes_unverifiable", &Finding::code);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ways_out)

BOOST_AUTO_TEST_CASE(a_route_that_takes_half_of_the_internet_is_the_default_route_in_all_but_name) {
  BOOST_TEST(summary(judge(with({by_route("45.33.120.201", "0.0.0.0/1")}))) == "danger: default_route_outside");
  BOOST_TEST(summary(judge(with({by_route("45.33.120.201", "0.0.0.0/0")}))) == "danger: default_route_outside");
}

BOOST_AUTO_TEST_CASE(a_more_specific_route_is_injected_and_its_evidence_names_prefix_device_and_protocol) {
  const auto verdict = judge(with({by_route("198.18.0.1", "198.18.0.0/15", dhcp)}));
  BOOST_TEST(summary(verdict) == "danger: route_injected");
  const auto expected = nlohmann::json::parse(R"({"routes": [{"destination": "198.18.0.1", "device": "eth0", "gateway": "203.0.113.1",
    "route": "198.18.0.0/15", "table": 254, "protocol": "dhcp",
    "line": "198.18.0.1 via 203.0.113.1 dev eth0 table 254 proto dhcp"}]})");
  BOOST_TEST(verdict.findings.at(0).evidence == expected);
}

BOOST_AUTO_TEST_CASE(four_quarters_by_the_uplink_are_injected_routes_and_no_default_route_is_left) {
  auto quarter = by_route("23.128.45.77", "0.0.0.0/2", dhcp);
  quarter.representative = true;
  BOOST_TEST(summary(judge(with({quarter}))) == "danger: default_route_outside, route_injected");
}

BOOST_AUTO_TEST_CASE(a_network_without_gateway_that_covers_public_addresses_only_claims_to_be_local) {
  auto seen = with({by_route("198.18.0.1", "198.0.0.0/8", kernel, "")});
  BOOST_TEST(summary(judge(seen)) == "danger: route_captures_local");
  seen.endpoints = {{ip("198.51.100.2"), "wireguard"}};
  BOOST_TEST(summary(judge(seen)) == "danger: route_captures_local");
}

BOOST_AUTO_TEST_CASE(a_route_to_the_server_that_is_wider_than_the_server_carries_others) {
  auto seen = with({by_route("198.51.100.1", "198.51.100.0/24")});
  seen.endpoints = {{ip("198.51.100.2"), "wireguard"}};
  BOOST_TEST(summary(judge(seen)) == "danger: endpoint_route_misused");
  seen.look_ups.back() = by_route("198.51.100.7", "198.51.100.7/32");
  BOOST_TEST(summary(judge(seen)) == "danger: route_injected");
}

BOOST_AUTO_TEST_CASE(ipv6_that_leaves_names_the_router_that_advertised_the_way) {
  auto open = by_route("2600::1", "::/0", router_advertisement, "fe80::1");
  const auto verdict = judge(with({open}));
  BOOST_TEST(summary(verdict) == "danger: ipv6_outside");
  BOOST_TEST(verdict.findings.at(0).evidence.at("routes").at(0).at("router_advertisement") == "fe80::1");
  BOOST_TEST(summary(judge(with({by_route("2600::1", "2000::/3")}))) == "danger: ipv6_outside");
}

BOOST_AUTO_TEST_CASE(a_specific_ipv6_route_is_told_as_such_only_where_ipv6_is_not_open_as_a_whole) {
  BOOST_TEST(summary(judge(with({by_route("2600::1", "2600::/16")}))) == "danger: ipv6_outside, route_injected");
  BOOST_TEST(summary(judge(with({by_route("2600::1", "2600::/16"), by_route("2a00::1", "::/0")}))) == "danger: ipv6_outside");
}

BOOST_AUTO_TEST_CASE(what_a_rule_lets_out_is_told_with_whom_and_which_rule) {
  auto leak = by_route("45.33.120.201", "0.0.0.0/0");
  leak.rule = "rule 100: from all uidrange 1000-1999 lookup main";
  const auto verdict = judge(with_selected(leak, "uid 1000-1999"));
  BOOST_TEST(summary(verdict) == "danger: rule_changed");
  const auto row = verdict.findings.at(0).evidence.at("routes").at(0);
  BOOST_TEST(row.at("for") == "uid 1000-1999");
  BOOST_TEST(row.at("rule") == leak.rule);
  BOOST_TEST(row.at("line") == "45.33.120.201 uid 1000 via 203.0.113.1 dev eth0 table 254 proto boot");
}

BOOST_AUTO_TEST_CASE(what_ordinary_packets_do_too_is_no_news_about_a_rule) {
  auto seen = with_selected(by_route("45.33.120.201", "0.0.0.0/0"), "uid 1000-1999");
  seen.look_ups.push_back(by_route("45.33.120.201", "0.0.0.0/0"));
  BOOST_TEST(summary(judge(seen)) == "danger: default_route_outside");
}

BOOST_AUTO_TEST_CASE(a_socket_bound_to_the_uplinks_address_asked_for_that_way) {
  const auto verdict = judge(with_selected(by_route("45.33.120.201", "0.0.0.0/0"), "sockets bound to 203.0.113.10", true));
  BOOST_TEST(summary(verdict) == "secure: rule_changed(information)");
}

BOOST_AUTO_TEST_CASE(a_new_rule_for_bound_sockets_is_a_warning) {
  auto seen = with_selected(by_route("45.33.120.201", "0.0.0.0/0"), "sockets bound to 203.0.113.10", true);
  seen.drift.rules = {"rule 90 from 203.0.113.10 lookup 100: was added"};
  BOOST_TEST(summary(judge(seen)) == "warning: rule_changed(warning)");
}

BOOST_AUTO_TEST_CASE(packets_of_a_rule_do_not_make_a_tunnel_that_nobody_else_uses_a_routed_one) {
  auto protected_one = look_up("45.33.120.201", tunnel);
  auto seen = with_selected(protected_one, "uid 1000-1999");
  for (auto& item : seen.look_ups) {
    if (item.flow == 0) item.way = Way{Way::Kind::nowhere, {}, {}, "unreachable", {}};
  }
  BOOST_TEST(summary(judge(seen)) == "contained: tunnel_not_routed");
}

BOOST_AUTO_TEST_CASE(a_look_up_that_failed_for_a_few_packets_is_could_not_look) {
  BOOST_TEST(summary(judge(with_selected(failed_look_up("45.33.120.201"), "mark 0x1"))) == "warning: routes_unverifiable");
}

BOOST_AUTO_TEST_CASE(one_of_several_next_hops_is_enough) {
  auto leg = look_up("45.33.120.201", outside);
  leg.legs = 2;
  const auto verdict = judge(with({leg}));
  BOOST_TEST(summary(verdict) == "danger: default_route_outside");
  BOOST_TEST(verdict.findings.at(0).evidence.at("routes").at(0).at("next_hops") == 2);
}

BOOST_AUTO_TEST_CASE(questions_that_were_left_out_are_never_green) {
  auto seen = sound();
  seen.not_asked = 5;
  BOOST_TEST(summary(judge(seen)) == "warning: routes_sampled");
  seen = sound();
  seen.unasked_rules = {"rule 100: from all ipproto 132 lookup main"};
  BOOST_TEST(summary(judge(seen)) == "warning: routes_unverifiable");
}

BOOST_AUTO_TEST_CASE(without_a_tunnel_what_was_not_asked_is_never_contained) {
  auto dark = sound();
  dark.tunnel->up = false;
  dark.look_ups = together(all_v4(Way::Kind::nowhere), all_v6(Way::Kind::nowhere));
  auto seen = dark;
  seen.not_asked = 5;
  BOOST_TEST(summary(judge(seen)) == "danger: routes_sampled(danger), tunnel_down");
  seen = dark;
  seen.unasked_rules = {"rule 100: from all ipproto 132 lookup main"};
  BOOST_TEST(summary(judge(seen)) == "danger: routes_unverifiable(danger), tunnel_down");
}

BOOST_AUTO_TEST_CASE(rules_that_cannot_be_asked_about_join_what_is_told_of_the_routes_already) {
  const auto check = [](Observation seen, std::string_view expected, std::string_view error) {
    auto evidence = unverifiable(judge(seen)).evidence;
    BOOST_TEST(summary(judge(seen)) == expected);
    BOOST_TEST(evidence.at("error") == error);
    seen.unasked_rules = {"rule 100: from all ipproto 132 lookup main"};
    evidence["rules"] = seen.unasked_rules;
    BOOST_TEST(summary(judge(seen)) == expected);
    BOOST_TEST(unverifiable(judge(seen)).evidence == evidence);
  };
  check(with({failed_look_up("11.0.0.1")}), "warning: routes_unverifiable", "netlink: no buffer space");
  auto stale = sound();
  stale.tunnel->up = false;
  check(stale, "danger: routes_unverifiable(danger), tunnel_down", "the kernel still names a tunnel that is down; looking again");
  stale.look_ups.clear();
  check(stale, "danger: routes_unverifiable(danger), tunnel_down", "no route was looked up");
}

BOOST_AUTO_TEST_CASE(rules_that_cannot_be_asked_about_are_named_when_they_are_all_there_is_to_tell) {
  auto seen = sound();
  seen.unasked_rules = {"rule 100: from all ipproto 132 lookup main", "rule 101: from all ipproto 33 lookup main"};
  const auto told = unverifiable(judge(seen));
  BOOST_TEST(told.evidence.at("error") == "the kernel cannot be asked about what these rules select");
  BOOST_TEST((told.evidence.at("rules") == nlohmann::json(seen.unasked_rules)));
}

BOOST_AUTO_TEST_CASE(changes_against_the_healthy_state_are_information_and_a_warning_once_it_is_pinned) {
  auto seen = sound();
  seen.drift.rules = {"rule 100 was added"};
  seen.drift.routes = {"route 198.18.0.0/15 dev wg0 is gone"};
  BOOST_TEST(summary(judge(seen)) == "secure: rule_changed(information), baseline_drift");
  seen.drift.pinned = true;
  BOOST_TEST(summary(judge(seen)) == "warning: rule_changed(warning), baseline_drift(warning)");
  seen = with_selected(by_route("45.33.120.201", "0.0.0.0/0"), "uid 1000");
  seen.drift.rules = {"rule 100 was added"};
  BOOST_TEST(summary(judge(seen)) == "danger: rule_changed");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("changes").size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_loss_of_one_of_several_tunnels_is_a_warning_while_another_carries) {
  auto seen = sound();
  seen.other_tunnels_down = {"wg1"};
  BOOST_TEST(summary(judge(seen)) == "warning: tunnel_down(warning)");
  seen.tunnel->up = false;
  seen.look_ups = together(all_v4(Way::Kind::nowhere), all_v6(Way::Kind::nowhere));
  BOOST_TEST(summary(judge(seen)) == "contained: tunnel_down");
}

BOOST_AUTO_TEST_CASE(a_stranger_with_the_tunnels_name_is_a_warning_and_a_new_name_is_information) {
  auto seen = sound();
  seen.replaced = "wg0 is called wg1 now";
  BOOST_TEST(summary(judge(seen)) == "secure: tunnel_replaced");
  seen.replaced_by_stranger = true;
  BOOST_TEST(summary(judge(seen)) == "warning: tunnel_replaced(warning)");
}

BOOST_AUTO_TEST_CASE(an_old_handshake_counts_while_nothing_answers) {
  auto seen = sound();
  seen.handshake_age = std::chrono::seconds{181};
  BOOST_TEST(summary(judge(seen)) == "secure");
  seen.liveness = LivenessView::off;
  BOOST_TEST(summary(judge(seen)) == "warning: handshake_stale");
  seen.handshake_age = std::chrono::seconds{180};
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(what_a_rule_lets_out_is_told_with_the_setting_that_would_allow_it) {
  auto seen = sound();
  seen.flows = {{}, {"mark 0x1", "mark 0x1"}};
  auto out = look_up("11.0.0.1", Way::Kind::outside);
  out.flow = 1;
  out.allow = "--allow-marks 0x1";
  seen.look_ups.push_back(out);
  const auto verdict = judge(seen);
  BOOST_TEST(summary(verdict) == "danger: rule_changed");
  BOOST_TEST(verdict.findings.at(0).evidence.at("routes").at(0).at("allow") == "--allow-marks 0x1");
  seen.look_ups.push_back(look_up("11.0.0.1", Way::Kind::outside));
  const auto both = judge(seen);
  for (const auto& row : both.findings.at(0).evidence.at("routes")) BOOST_TEST(!row.contains("allow"));
}

BOOST_AUTO_TEST_SUITE_END()
