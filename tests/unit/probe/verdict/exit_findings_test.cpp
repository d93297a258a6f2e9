#include "probe/verdict/exit_findings.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/verdict/judge.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr const char* exit4 = "198.51.100.2";
constexpr const char* uplink4 = "203.0.113.10";
constexpr const char* hub4 = "198.18.0.80";
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

std::string after(const Verdict& before, const Observation& seen) {
  auto verdict = judge(seen);
  keep_unanswered(verdict, before, seen);
  return summary(verdict);
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
  BOOST_TEST(evidence.at("answers").at(0) == "203.0.113.10 by a.test");
  BOOST_TEST(evidence.at("answers").at(1) == "198.51.100.2 by b.test");
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

BOOST_AUTO_TEST_CASE(a_network_that_is_itself_behind_the_vpn_cannot_be_compared_and_is_no_alarm) {
  auto nested = told({uplink4, uplink4});
  nested.uplink.own_tunnel = "wg9";
  BOOST_TEST(summary(judge(nested)) == "warning: exit_not_compared");
  auto named = told({uplink4, uplink4});
  expect_exit(named, uplink4);
  BOOST_TEST(summary(judge(named)) == "warning: exit_not_compared");
  auto hub = told({hub4, hub4});
  expect_exit(hub, "198.18.0.64/26");
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
    BOOST_TEST(summary(judge(expected)) == "secure: exit_not_located", rule);
    auto never = told({exit4, exit4});
    never_exit(never, rule);
    BOOST_TEST(summary(judge(never)) == "secure: exit_not_located", rule);
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
  tell_v6(silent, "2001:db8:10::77");
  silent.exit->v6.reset();
  silent.exit->in_v6.voices.clear();
  verdict = judge(silent);
  keep_unanswered(verdict, before, silent);
  BOOST_TEST(summary(verdict) == "danger: exit_is_uplink, exit_family_silent(information)");
}

BOOST_AUTO_TEST_CASE(a_danger_does_not_end_because_the_uplinks_or_the_hubs_address_is_not_known_any_more) {
  const auto before = judge(told({uplink4, uplink4}));
  auto forgotten = told({uplink4, uplink4});
  forgotten.uplink.addresses = {ip("2001:db8:10::10")};  // of the other family
  BOOST_TEST(after(before, forgotten) == "danger: exit_is_uplink");
  auto moved = told({other4, other4});
  moved.uplink.addresses.clear();
  BOOST_TEST(after(before, moved) == "danger: exit_is_uplink");
  // Where no IPv4 leads out, another address is no uplink's.
  moved.uplink.v4_leads_out = false;
  BOOST_TEST(after(before, moved) == "secure");
  forgotten.uplink.v4_leads_out = false;
  BOOST_TEST(after(before, forgotten) == "danger: exit_is_uplink");
  // The line may have been connected anew: what is known of it is old.
  auto doubtful = told({other4, other4});
  doubtful.uplink.awaited = {Family::v4};
  BOOST_TEST(after(before, doubtful) == "danger: exit_is_uplink");
  doubtful.uplink.awaited.clear();
  BOOST_TEST(after(before, doubtful) == "secure");

  const auto of_hub = judge(told({hub4, hub4}));
  auto no_hub = told({hub4, hub4});
  no_hub.hub_addresses.clear();
  BOOST_TEST(after(of_hub, no_hub) == "danger: exit_is_hub");
  BOOST_TEST(after(of_hub, told({exit4, exit4})) == "secure");
}

BOOST_AUTO_TEST_CASE(a_danger_ends_by_a_quorum_or_by_as_many_voices_as_showed_it) {
  const auto before = judge(told({uplink4, uplink4}));
  auto one = told({exit4});
  one.exit->in_v4.quorum = 2;
  BOOST_TEST(after(before, one) == "danger: exit_is_uplink, exit_few_sources");
  auto two = told({exit4, exit4});
  two.exit->in_v4.quorum = 2;
  BOOST_TEST(after(before, two) == "secure");
  auto plain = one;
  plain.exit->in_v4.voices.front().plain = true;
  BOOST_TEST(after(judge(told({uplink4})), one) == "secure: exit_few_sources");
  BOOST_TEST(after(judge(told({uplink4})), plain) == "danger: exit_is_uplink, exit_few_sources(warning)");
  auto shown_plainly = told({uplink4});
  shown_plainly.exit->in_v4.voices.front().plain = true;
  BOOST_TEST(after(judge(shown_plainly), plain) == "warning: exit_few_sources(warning)");
}

BOOST_AUTO_TEST_CASE(a_quorum_that_is_not_reached_is_said_and_one_voice_by_plain_http_is_a_warning) {
  auto seen = told({exit4});
  seen.exit->in_v4.quorum = 2;
  BOOST_TEST(summary(judge(seen)) == "secure: exit_few_sources");
  seen.exit->in_v4.voices.front().plain = true;
  BOOST_TEST(summary(judge(seen)) == "warning: exit_few_sources(warning)");
  seen.exit->in_v4.settled = false;
  BOOST_TEST(summary(judge(seen)) == "secure");
  seen.exit->in_v4 = told({exit4, exit4}).exit->in_v4;
  seen.exit->in_v4.quorum = 2;
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(one_family_that_does_not_answer_is_not_fine) {
  auto no_v4 = told({exit4});
  tell_v6(no_v4, "2001:db8:100::2");
  no_v4.exit->v4.reset();
  no_v4.exit->in_v4.voices.clear();
  no_v4.exit->in_v4.silences = {{"a.test", "a.test: timed out", false}};
  BOOST_TEST(summary(judge(no_v4)) == "warning: exit_family_silent");
  BOOST_TEST(evidence_of(no_v4, "exit_family_silent").at("error") == "a.test: timed out");
  auto v6_only = no_v4;
  v6_only.look_ups = together(all_v4(Way::Kind::nowhere), all_v6(Way::Kind::tunnel));
  BOOST_TEST(summary(judge(v6_only)) == "secure");

  auto no_v6 = told({exit4});
  tell_v6(no_v6, "2001:db8:100::2");
  no_v6.exit->v6.reset();
  no_v6.exit->in_v6.voices.clear();
  BOOST_TEST(summary(judge(no_v6)) == "secure: exit_family_silent(information)");
  no_v6.exit->in_v6.answered_before = true;
  BOOST_TEST(summary(judge(no_v6)) == "warning: exit_family_silent");
}

BOOST_AUTO_TEST_CASE(what_geolocation_showed_does_not_end_because_it_is_silent) {
  auto seen = told({exit4, exit4});
  never_exit(seen, "AS64500");
  expect_exit(seen, "DE");
  seen.exit->in_v4.facts.asn = 64500;
  seen.exit->in_v4.facts.country = "RO";
  auto remembered = judge(seen).findings;
  auto silent = seen;
  silent.exit->in_v4.facts.asn.reset();
  auto verdict = judge(silent);
  keep_exit_dangers(verdict, remembered, silent);
  BOOST_TEST(summary(verdict) == "danger: exit_unexpected(danger)");
  auto elsewhere = told({other4, other4});
  elsewhere.exit_rules.never = seen.exit_rules.never;
  verdict = judge(elsewhere);
  keep_exit_dangers(verdict, remembered, elsewhere);
  BOOST_TEST(summary(verdict) == "secure: exit_not_located");

  auto by_network = told({exit4, exit4});
  tell_v6(by_network, "2001:db8:100::2");
  by_network.uplink.addresses.push_back(ip("2001:db8:10::10"));
  by_network.exit->in_v4.facts.asn = 64500;
  by_network.exit->in_v6.facts.asn = by_network.uplink.facts.asn = 64501;
  const auto before = judge(by_network);
  by_network.exit->in_v4.facts.asn.reset();
  BOOST_TEST(after(before, by_network) == "danger: exit_is_uplink");
  by_network.exit->in_v4.facts.asn = 64501;
  BOOST_TEST(after(before, by_network) == "secure");
}

BOOST_AUTO_TEST_CASE(a_tunnel_made_anew_is_not_green_before_an_exit_has_answered) {
  const auto leaking = told({uplink4, uplink4});
  auto verdict = judge(leaking);
  std::vector<Finding> remembered;
  keep_exit_dangers(verdict, remembered, leaking);
  const auto next = [&](const Observation& seen) {
    auto now = judge(seen);
    keep_exit_dangers(now, remembered, seen);
    return summary(now);
  };
  auto down = told({exit4, exit4});
  down.exit.reset();
  down.tunnel->up = false;
  down.look_ups = all_v4(Way::Kind::nowhere);
  BOOST_TEST(next(down) == "contained: tunnel_down");
  auto waiting = told({exit4, exit4});
  waiting.exit.reset();
  waiting.exit_pending = PendingView{};
  BOOST_TEST(next(waiting) == "danger: exit_is_uplink");
  BOOST_TEST(next(told({exit4, exit4})) == "secure");
  BOOST_TEST(next(waiting) == "secure");
}

BOOST_AUTO_TEST_CASE(of_two_families_the_one_that_has_no_answer_keeps_its_danger) {
  auto both = told({uplink4, uplink4});
  tell_v6(both, "2001:db8:10::77");
  both.uplink.addresses.push_back(ip("2001:db8:10::10"));
  auto verdict = judge(both);
  std::vector<Finding> remembered;
  keep_exit_dangers(verdict, remembered, both);
  auto silent = both;
  silent.exit->v4.reset();
  silent.exit->in_v4.voices.clear();
  verdict = judge(silent);
  keep_exit_dangers(verdict, remembered, silent);
  BOOST_TEST(verdict.findings.front().evidence.contains("v4"));
  BOOST_TEST(verdict.findings.front().evidence.contains("v6"));
}

BOOST_AUTO_TEST_CASE(a_tunnel_of_the_probe_itself_hides_the_uplink_of_its_own_family_only) {
  auto seen = told({uplink4, uplink4});
  seen.uplink.own_tunnel_v6 = "sit0";
  BOOST_TEST(summary(judge(seen)) == "danger: exit_is_uplink");
  seen.uplink.own_tunnel = "wg9";
  BOOST_TEST(summary(judge(seen)) == "warning: exit_not_compared");
}

BOOST_AUTO_TEST_CASE(a_probe_whose_own_way_out_is_the_watched_namespace_knows_no_uplink) {
  auto seen = told({uplink4, uplink4});
  seen.uplink_by_target = true;
  BOOST_TEST(summary(judge(seen)) == "warning: exit_not_compared");
}

BOOST_AUTO_TEST_CASE(a_hub_on_the_vpn_server_itself_is_no_alarm) {
  auto seen = told({hub4, hub4});
  seen.endpoints = {{ip(hub4), "host route"}};
  BOOST_TEST(summary(judge(seen)) == "danger: exit_is_hub");
  for (const auto* source : {"wireguard", "configured", "socket of openvpn"}) {
    seen.endpoints = {{ip(hub4), source}};
    BOOST_TEST(summary(judge(seen)) == "secure: hub_at_exit", source);
  }
}

BOOST_AUTO_TEST_CASE(an_uplink_that_stays_unknown_is_said) {
  auto seen = told({exit4, exit4});
  seen.uplink = {};
  seen.uplink.overdue = {Family::v4};
  seen.uplink.error = "a.test: timed out";
  BOOST_TEST(summary(judge(seen)) == "secure: uplink_unknown");
  BOOST_TEST(judge(seen).findings.front().evidence.at("error") == "a.test: timed out");
}

BOOST_AUTO_TEST_CASE(an_uplink_that_is_known_of_the_other_family_only_is_said_too) {
  auto seen = told({exit4, exit4});
  seen.uplink.addresses = {ip("2001:db8:10::10")};
  seen.uplink.overdue = {Family::v4};
  BOOST_TEST(summary(judge(seen)) == "secure: uplink_unknown");
  BOOST_TEST(judge(seen).findings.front().evidence.at("families") == nlohmann::json::array({"v4"}));
  // Without an exit of that family there is nothing to compare.
  seen.uplink.addresses = {ip(uplink4)};
  seen.uplink.overdue = {Family::v6};
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(an_exit_in_the_uplinks_own_24_is_neither_a_red_nor_a_silent_green) {
  constexpr const char* near4 = "203.0.113.77";
  auto seen = told({near4, near4});
  BOOST_TEST(summary(judge(seen)) == "warning: exit_near_uplink");
  BOOST_TEST(evidence_of(seen, "exit_near_uplink").at("address") == near4);
  BOOST_TEST(evidence_of(seen, "exit_near_uplink").at("uplink") == nlohmann::json::array({uplink4}));
  // Each flow of a line behind shared addresses may show another one of them.
  BOOST_TEST(summary(judge(told({near4, uplink4}))) == "warning: exit_near_uplink, exit_disagrees");
  BOOST_TEST(summary(judge(told({near4}, false))) == "warning: exit_near_uplink");
  auto named = seen;
  expect_exit(named, near4);
  BOOST_TEST(summary(judge(named)) == "secure: exit_near_uplink(information)");
  auto hidden = seen;
  hidden.uplink.own_tunnel = "wg9";
  BOOST_TEST(summary(judge(hidden)) == "secure");
}

BOOST_AUTO_TEST_CASE(rules_are_countries_networks_and_addresses) {
  BOOST_TEST(ExitRule::parse("ro")->to_string() == "RO");
  BOOST_TEST(ExitRule::parse("as64500")->to_string() == "AS64500");
  BOOST_TEST(ExitRule::parse("2001:db8::/32")->to_string() == "2001:db8::/32");
  BOOST_TEST(ExitRule::parse("198.51.100.7")->to_string() == "198.51.100.7/32");
  for (const auto* text : {"", "Romania", "AS0", "64500", "198.51.100.0/33", "R0"}) BOOST_TEST(!ExitRule::parse(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
