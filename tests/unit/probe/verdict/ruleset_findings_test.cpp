#include "probe/verdict/ruleset_findings.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/verdict/judge.hpp"

using namespace vpn_sentinel;

namespace {

using Rules = RulesetView::Verdict;

Observation seen_with(Rules verdict) {
  Observation seen;
  seen.time = WallTime{std::chrono::hours{24 * 365 * 50}};
  seen.ruleset.emplace().verdict = verdict;
  seen.ruleset->reasons = {"a rule"};
  return seen;
}

/// "code severity", or nothing.
std::string told(const Observation& seen) {
  const auto findings = judge_ruleset(seen);
  BOOST_REQUIRE(findings.size() <= 1U);
  if (findings.empty()) return {};
  return findings[0].code + " " + std::string(to_string(findings[0].severity));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ruleset_findings)

BOOST_AUTO_TEST_CASE(rules_that_hold_are_no_finding_and_those_that_do_not_are_information) {
  BOOST_TEST(told(Observation{}).empty());
  BOOST_TEST(told(seen_with(Rules::holds)).empty());
  BOOST_TEST(told(seen_with(Rules::lets_out)) == "kill_switch_absent information");
  BOOST_TEST(told(seen_with(Rules::undecided)) == "kill_switch_absent information");
  BOOST_TEST(judge_ruleset(seen_with(Rules::undecided))[0].evidence["verdict"] == "undecided");
}

BOOST_AUTO_TEST_CASE(rules_that_could_not_be_looked_at_are_told_and_who_relies_on_them_is_warned) {
  auto seen = seen_with(Rules::lets_out);
  seen.require_kill_switch = true;
  BOOST_TEST(told(seen) == "kill_switch_absent warning");
  seen = seen_with(Rules::undecided);
  seen.ruleset->why_not = "no right";
  BOOST_TEST(told(seen) == "kill_switch_absent information");
  BOOST_TEST(judge_ruleset(seen)[0].evidence["error"] == "no right");
  seen.require_kill_switch = true;
  BOOST_TEST(told(seen) == "kill_switch_absent warning");
}

BOOST_AUTO_TEST_CASE(rules_that_were_changed_and_cannot_be_looked_at_any_more_keep_their_warning) {
  auto seen = seen_with(Rules::undecided);
  seen.ruleset->held_before = true;
  seen.ruleset->why_not = "no right";
  BOOST_TEST(told(seen) == "kill_switch_changed warning");
  BOOST_TEST(judge_ruleset(seen)[0].evidence["error"] == "no right");
}

BOOST_AUTO_TEST_CASE(where_nothing_can_leave_nothing_has_to_be_held) {
  auto seen = seen_with(Rules::undecided);
  seen.ruleset->no_uplink = true;
  seen.require_kill_switch = true;
  BOOST_TEST(told(seen).empty());
}

BOOST_AUTO_TEST_CASE(rules_that_held_until_somebody_changed_them_are_a_warning_that_names_who) {
  auto seen = seen_with(Rules::lets_out);
  seen.ruleset->held_before = true;
  seen.ruleset->changed_by = "nft (pid 4242)";
  seen.ruleset->changed_tables = "inet filter";
  seen.ruleset->changed_at = seen.time - std::chrono::hours{5};
  BOOST_TEST(told(seen) == "kill_switch_changed warning");
  const auto evidence = judge_ruleset(seen)[0].evidence;
  BOOST_TEST(evidence["changed_by"] == "nft (pid 4242)");
  BOOST_TEST(evidence["tables"] == "inet filter");
  BOOST_TEST(evidence["changed_at"] == to_rfc3339(*seen.ruleset->changed_at));
  seen.ruleset->verdict = Rules::undecided;
  BOOST_TEST(told(seen) == "kill_switch_changed warning");
}

BOOST_AUTO_TEST_CASE(a_change_that_left_the_packets_held_is_news_for_a_while) {
  auto seen = seen_with(Rules::holds);
  seen.ruleset->changed_by = "gluetun (pid 7)";
  seen.ruleset->changed_at = seen.time - std::chrono::minutes{1};
  BOOST_TEST(told(seen) == "kill_switch_changed information");
  seen.ruleset->changed_at = seen.time - std::chrono::minutes{6};
  BOOST_TEST(told(seen).empty());
  // A clock that was set back.
  seen.ruleset->changed_at = seen.time + std::chrono::minutes{6};
  BOOST_TEST(told(seen).empty());
}

BOOST_AUTO_TEST_SUITE_END()
