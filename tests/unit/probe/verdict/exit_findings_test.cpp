#include "probe/verdict/exit_findings.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/verdict/judge.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr const char* exit4 = "198.51.100.2";
constexpr const char* uplink4 = "203.0.113.10";
constexpr const char* hub4 = "203.0.113.80";
constexpr const char* other4 = "192.0.2.9";

/// A sound look whose exit was told by so many services, "a.test", "b.test", …
Observation told(const std::vector<const char*>& addresses, bool settled = true) {
  auto seen = sound();
  auto& exit = seen.exit->in_v4;
  exit.asked = true;
  exit.settled = settled;
  char name = 'a';
  for (const auto* address : addresses) exit.voices.push_back({std::string(1, name++) + ".test", ip(address), {}, {}});
  seen.exit->v4 = accord_of(exit.voices)->address;
  seen.whoami.reset();
  seen.uplink.addresses = {ip(uplink4)};
  seen.hub_addresses = {ip(hub4)};
  return seen;
}

void tell_v6(Observation& seen, const char* address) {
  seen.look_ups = together(all_v4(Way::Kind::tunnel), all_v6(Way::Kind::tunnel));
  seen.exit->v6 = ip(address);
  seen.exit->in_v6.asked = true;
  seen.exit->in_v6.voices = {{"a.test", ip(address), {}, {}}};
}

void expect_exit(Observation& seen, std::string_view text) { seen.exit_rules.expected.push_back(ExitRule::parse(text).value()); }
void never_exit(Observation& seen, std::string_view text) { seen.exit_rules.never.push_back(ExitRule::parse(text).value()); }

nlohmann::json evidence_of(const Observation& seen, std::string_view code, const char* family = "v4") {
  for (const auto& finding : judge(seen).findings) {
    if (finding.code == code) return finding.evidence.at(family);
  }
  BOOST_ERROR("no finding " << code);
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exit_findings)

BOOST_AUTO_TEST_CASE(an_exit_that_two_services_name_is_fine) { BOOST_TEST(summary(judge(told({exit4, exit4}))) == "secure"); }

BOOST_AUTO_TEST_CASE(one_service_alone_is_no_alarm) { BOOST_TEST(summary(judge(told({exit4}))) == "secure"); }

BOOST_AUTO_TEST_CASE(the_address_of_the_uplink_is_danger) {
  for (const auto& addresses : {std::vector{uplink4}, {uplink4, uplink4}}) {
    const auto seen = told(addresses);
    BOOST_TEST(summary(judge(seen)) == "danger: exit_is_uplink");
    BOOST_TEST(evidence_of(seen, "exit_is_uplink").at("address") == uplink4);
    BOOST_TEST(evidence_of(seen, "exit_is_uplink").at("sources") == addresses.size());
    BOOST_TEST(evidence_of(seen, "exit_is_uplink").at("uplink") == nlohmann::json::array({uplink4}));
  }
}

BOOST_AUTO_TEST_CASE(the_address_of_the_hub_is_danger_and_the_uplink_is_said_before_it) {
  BOOST_TEST(summary(judge(told({hub4, hub4}))) == "danger: exit_is_hub");
  auto both = told({uplink4});
  both.hub_addresses = {ip(uplink4)};
  BOOST_TEST(summary(judge(both)) == "danger: exit_is_uplink");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_compared_with_nothing) {
  auto seen = told({uplink4, uplink4});
  seen.uplink = {};
  seen.hub_addresses.clear();
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(one_liar_makes_neither_a_red_nor_a_green) {
  // He names the uplink, two others do not.
  BOOST_TEST(summary(judge(told({uplink4, exit4, exit4}))) == "warning: exit_disagrees");
  BOOST_TEST(summary(judge(told({hub4, exit4, exit4}))) == "warning: exit_disagrees");
  // He hides it, two others do not.
  BOOST_TEST(summary(judge(told({exit4, uplink4, uplink4}))) == "danger: exit_is_uplink, exit_disagrees(information)");
  // Nobody else to ask.
  BOOST_TEST(summary(judge(told({exit4, uplink4}))) == "warning: exit_disagrees");
  BOOST_TEST(summary(judge(told({uplink4, exit4}))) == "warning: exit_disagrees");
  const auto evidence = evidence_of(told({uplink4, exit4}), "exit_disagrees");
  BOOST_TEST(evidence.at("answers").at(0) == (nlohmann::json{{"source", "a.test"}, {"address", uplink4}}));
  BOOST_TEST(evidence.at("answers").at(1) == (nlohmann::json{{"source", "b.test"}, {"address", exit4}}));
  BOOST_TEST(evidence.at("uplink") == nlohmann::json::array({uplink4}));
}

BOOST_AUTO_TEST_CASE(a_disagreement_is_said_even_where_it_is_decided) {
  BOOST_TEST(summary(judge(told({other4, exit4, exit4}))) == "secure: exit_disagrees(information)");
  BOOST_TEST(summary(judge(told({other4, exit4}))) == "warning: exit_disagrees");
  BOOST_TEST(summary(judge(told({exit4, "198.51.100.9"}))) == "secure");  // one network, several addresses
}

BOOST_AUTO_TEST_CASE(the_first_voice_raises_no_red_while_others_are_asked_but_no_green_stays) {
  BOOST_TEST(summary(judge(told({exit4}, false))) == "secure");
  BOOST_TEST(summary(judge(told({uplink4}, false))) == "warning: exit_unverifiable");
  BOOST_TEST(summary(judge(told({hub4}, false))) == "warning: exit_unverifiable");
  BOOST_TEST(summary(judge(told({uplink4, exit4}, false))) == "warning: exit_disagrees");
  BOOST_TEST(summary(judge(told({other4, exit4}, false))) == "secure");
}

BOOST_AUTO_TEST_CASE(a_network_that_is_itself_behind_the_vpn_is_unverifiable_and_no_alarm) {
  auto nested = told({uplink4, uplink4});
  nested.uplink.own_tunnel = "wg9";
  BOOST_TEST(summary(judge(nested)) == "warning: exit_unverifiable");
  auto named = told({uplink4, uplink4});
  expect_exit(named, uplink4);
  BOOST_TEST(summary(judge(named)) == "warning: exit_unverifiable");
  auto hub = told({hub4, hub4});
  expect_exit(hub, "203.0.113.64/26");
  BOOST_TEST(summary(judge(hub)) == "secure");
  auto other = told({exit4, exit4});
  other.uplink.own_tunnel = "wg9";
  BOOST_TEST(summary(judge(other)) == "secure");
}

BOOST_AUTO_TEST_CASE(of_ipv6_the_whole_line_counts) {
  auto seen = told({exit4, exit4});
  tell_v6(seen, "2001:db8:10::77");
  seen.uplink.addresses.push_back(ip("2001:db8:10::10"));
  BOOST_TEST(summary(judge(seen)) == "danger: exit_is_uplink");
  BOOST_TEST(evidence_of(seen, "exit_is_uplink", "v6").at("address") == "2001:db8:10::77");
  seen.uplink.addresses.back() = ip("2001:db8:10:1::10");
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(ipv6_that_leaves_by_the_uplinks_provider_is_danger_when_all_networks_are_known) {
  auto seen = told({exit4, exit4});
  tell_v6(seen, "2001:db8:100::2");
  seen.exit->in_v4.facts.asn = 64500;
  seen.exit->in_v6.facts.asn = 64501;
  seen.uplink.facts.asn = 64501;
  BOOST_TEST(summary(judge(seen)) == "danger: exit_is_uplink");
  BOOST_TEST(evidence_of(seen, "exit_is_uplink", "v6").at("reason") == "IP6_UPLINK_ASN");
  auto same = seen;
  same.exit->in_v4.facts.asn = 64501;
  BOOST_TEST(summary(judge(same)) == "secure");
  for (auto* asn : {&seen.exit->in_v4.facts.asn, &seen.exit->in_v6.facts.asn, &seen.uplink.facts.asn}) {
    const auto known = std::exchange(*asn, std::nullopt);
    BOOST_TEST(summary(judge(seen)) == "secure");
    *asn = known;
  }
}

BOOST_AUTO_TEST_CASE(the_exit_is_held_against_the_users_rules) {
  auto seen = told({exit4, exit4});
  seen.exit->in_v4.facts = {"RO", "", "", "", "", 64500};
  for (const auto* rule : {"RO", "AS64500", "198.51.100.0/24", exit4}) {
    auto expected = seen;
    expect_exit(expected, "DE");
    BOOST_TEST(summary(judge(expected)) == "warning: exit_unexpected", rule);
    expect_exit(expected, rule);
    BOOST_TEST(summary(judge(expected)) == "secure", rule);
    auto never = seen;
    never_exit(never, rule);
    BOOST_TEST(summary(judge(never)) == "danger: exit_unexpected(danger)", rule);
    BOOST_TEST(evidence_of(never, "exit_unexpected").at("never") == ExitRule::parse(rule)->to_string());
  }
}

BOOST_AUTO_TEST_CASE(what_geolocation_cannot_tell_changes_no_verdict_and_is_said) {
  for (const auto* rule : {"RO", "AS64500"}) {
    auto expected = told({exit4, exit4});
    expect_exit(expected, rule);
    BOOST_TEST(summary(judge(expected)) == "secure: exit_unverifiable(information)", rule);
    auto never = told({exit4, exit4});
    never_exit(never, rule);
    BOOST_TEST(summary(judge(never)) == "secure: exit_unverifiable(information)", rule);
  }
}

BOOST_AUTO_TEST_CASE(a_changed_exit_is_information) {
  auto seen = told({exit4, exit4});
  seen.exit->in_v4.changed_from = ip(other4);
  BOOST_TEST(summary(judge(seen)) == "secure: exit_changed");
  BOOST_TEST(evidence_of(seen, "exit_changed").at("from") == other4);
}

BOOST_AUTO_TEST_CASE(a_danger_does_not_end_because_nobody_answers_any_more) {
  const auto before = judge(told({uplink4, uplink4}));
  const auto after = [&](const Observation& seen) {
    auto verdict = judge(seen);
    keep_unanswered(verdict, before, seen);
    return summary(verdict);
  };
  auto pending = told({exit4});
  pending.exit.reset();
  pending.exit_pending = PendingView{};
  BOOST_TEST(after(pending) == "danger: exit_is_uplink");
  auto silent = told({exit4});
  silent.exit->v4.reset();
  silent.exit->in_v4.voices.clear();
  silent.exit->error = "timed out";
  BOOST_TEST(after(silent) == "danger: exit_is_uplink, exit_unverifiable");
  BOOST_TEST(after(told({exit4}, false)) == "danger: exit_is_uplink");
  BOOST_TEST(after(told({exit4})) == "secure");
  auto no_tunnel = pending;
  no_tunnel.tunnel->up = false;
  no_tunnel.look_ups = all_v4(Way::Kind::nowhere);
  BOOST_TEST(after(no_tunnel) == "contained: tunnel_down");
}

BOOST_AUTO_TEST_CASE(a_danger_of_ipv6_ends_when_ipv6_is_not_asked_any_more) {
  auto both = told({exit4, exit4});
  tell_v6(both, "2001:db8:10::77");
  both.uplink.addresses.push_back(ip("2001:db8:10::10"));
  const auto before = judge(both);
  auto verdict = judge(told({exit4, exit4}));
  keep_unanswered(verdict, before, told({exit4, exit4}));
  BOOST_TEST(summary(verdict) == "secure");
  auto silent = told({exit4, exit4});
  silent.exit->in_v6.asked = true;
  verdict = judge(silent);
  keep_unanswered(verdict, before, silent);
  BOOST_TEST(summary(verdict) == "danger: exit_is_uplink");
}

BOOST_AUTO_TEST_CASE(rules_are_countries_networks_and_addresses) {
  BOOST_TEST(ExitRule::parse("ro")->to_string() == "RO");
  BOOST_TEST(ExitRule::parse("as64500")->to_string() == "AS64500");
  BOOST_TEST(ExitRule::parse("2001:db8::/32")->to_string() == "2001:db8::/32");
  BOOST_TEST(ExitRule::parse("198.51.100.7")->to_string() == "198.51.100.7/32");
  for (const auto* text : {"", "Romania", "AS0", "64500", "198.51.100.0/33", "R0"}) BOOST_TEST(!ExitRule::parse(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
