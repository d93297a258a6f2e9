#include "hub/state/group.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "hub/state/groups.hpp"
#include "tests/unit/hub/make.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using enum State;

namespace {

ClientState member(std::string client_id, State state, WallTime since = at(0)) {
  ClientState client;
  client.client_id = std::move(client_id);
  client.state = state;
  client.since = since;
  if (state == danger) client.findings = {finding("default_route_outside", Severity::danger, since)};
  if (state == contained) client.findings = {finding("tunnel_down", Severity::contained, since)};
  if (state == offline) client.findings = {finding("lease_expired", Severity::warning, since)};
  return client;
}

ClientState blind(std::string client_id, Severity severity) {
  auto client = member(std::move(client_id), static_cast<State>(severity));
  client.findings = {finding("routes_unverifiable", severity, at(0))};
  return client;
}

State judged(const GroupRule& rule, const std::vector<ClientState>& members, WallTime now = at(5)) {
  std::vector<const ClientState*> pointers;
  for (const auto& one : members) pointers.push_back(&one);
  return judge_group(rule, pointers, now).state;
}

constexpr GroupRule any{GroupRule::Kind::any, 0};
constexpr GroupRule all{GroupRule::Kind::all, 0};
constexpr GroupRule majority{GroupRule::Kind::quorum, 0};
constexpr GroupRule two{GroupRule::Kind::quorum, 2};

struct Case {
  const char* name;
  GroupRule rule;
  std::vector<ClientState> members;
  State expected;
};
std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }

const std::vector<Case> cases{
    {"any: one that sees a leak is enough", any, {member("a", danger), member("b", secure), member("c", secure)}, danger},
    {"all: one alone does not decide", all, {member("a", danger), member("b", secure)}, secure},
    {"all: what everybody sees is true", all, {member("a", danger), member("b", contained)}, contained},
    {"more than half: two of three", majority, {member("a", danger), member("b", danger), member("c", secure)}, danger},
    {"more than half: one of three", majority, {member("a", danger), member("b", secure), member("c", secure)}, secure},
    {"more than half: one of two is half", majority, {member("a", danger), member("b", secure)}, secure},
    {"two: as many as asked", two, {member("a", danger), member("b", contained), member("c", secure)}, contained},
    {"two: when only one sees, it decides", two, {member("a", danger), member("b", offline)}, danger},
    {"a silent probe raises no alarm", any, {member("a", offline), member("b", secure), member("c", offline)}, secure},
    {"all: one that is silent is missing", all, {member("a", offline), member("b", secure)}, warning},
    {"all: one that is blind is missing", all, {blind("a", Severity::warning), member("b", secure)}, warning},
    {"more than half: one of two is heard", majority, {member("a", offline), member("b", secure)}, warning},
    {"more than half: one of three is heard", majority, {member("a", offline), member("b", offline), member("c", secure)}, warning},
    {"more than half: two of three are heard", majority, {member("a", offline), member("b", secure), member("c", secure)}, secure},
    {"two: one of three is heard", two, {member("a", offline), member("b", offline), member("c", secure)}, warning},
    {"two: there is only one", two, {member("a", secure)}, warning},
    {"two: two of three are heard", two, {member("a", offline), member("b", secure), member("c", secure)}, secure},
    {"a blind probe raises no alarm", any, {blind("a", Severity::danger), member("b", secure)}, secure},
    {"a blind probe hides no leak", all, {blind("a", Severity::warning), member("b", danger)}, danger},
    {"all silent is offline", any, {member("a", offline), member("b", offline)}, offline},
    {"nobody sees is never secure", any, {blind("a", Severity::warning), member("b", offline)}, warning},
    {"nobody sees and the worst is kept", all, {blind("a", Severity::danger), blind("b", Severity::warning)}, danger},
    {"a group without members is offline", any, {}, offline},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(group)

BOOST_DATA_TEST_CASE(the_rule_decides_among_those_who_see, cases, row) { BOOST_TEST((judged(row.rule, row.members) == row.expected)); }

BOOST_AUTO_TEST_CASE(who_cannot_ask_the_kernel_but_sees_a_leak_sees) {
  auto half = blind("a", Severity::warning);
  half.findings.push_back(finding("default_route_outside", Severity::danger, at(0)));
  BOOST_TEST(sees(half));
  BOOST_TEST(!sees(blind("a", Severity::danger)));
}

BOOST_AUTO_TEST_CASE(a_disagreement_that_lasts_is_a_finding_and_never_secure) {
  const auto a = member("a", danger, at(100));
  const auto b = member("b", secure, at(0));
  const std::vector<const ClientState*> members{&a, &b};
  const auto early = judge_group(all, members, at(105));
  BOOST_TEST((early.state == secure));
  BOOST_TEST((early.again == at(110)));
  const auto later = judge_group(all, members, at(110));
  BOOST_TEST((later.state == warning));
  BOOST_TEST_REQUIRE(later.findings.size() == 1U);
  BOOST_TEST(later.findings[0].code == "group_disagrees");
  BOOST_TEST((later.findings[0].since == at(100)));
  BOOST_TEST(later.findings[0].evidence["members"]["a"] == "danger");
  BOOST_TEST(later.findings[0].evidence["members"]["b"] == "secure");
  BOOST_TEST(!later.again.has_value());
}

BOOST_AUTO_TEST_CASE(a_member_that_goes_from_one_bad_state_to_another_begins_no_new_disagreement) {
  const auto a = member("a", danger, at(100));
  const auto later = member("a", contained, at(107));
  const auto b = member("b", secure, at(0));
  const auto first = judge_group(all, {&a, &b}, at(105));
  BOOST_TEST((judge_group(all, {&later, &b}, at(112), first.disagrees_since).state == warning));
  BOOST_TEST((judge_group(all, {&later, &b}, at(112)).state == secure));
}

BOOST_AUTO_TEST_CASE(during_a_grace_an_old_colour_does_not_make_a_group_secure) {
  auto a = member("a", secure, at(0));
  auto b = member("b", secure, at(0));
  a.lease_deadline = at(200);
  b.lease_deadline = at(100);
  ClientState group;
  group.client_id = "group:vpn";
  group.state = secure;
  group.since = at(0);
  BOOST_TEST(!group_seen_at(group, all, {&a, &b}, at(99)).has_value());
  const auto seen = group_seen_at(group, all, {&a, &b}, at(150));
  BOOST_REQUIRE(seen.has_value());
  BOOST_TEST((seen->state == warning));
  BOOST_TEST((seen->since == at(100)));
  BOOST_TEST(seen->findings.at(0).code == "group_incomplete");
  BOOST_TEST(seen->findings.at(0).evidence.at("missing").at(0) == "b");
  BOOST_TEST(!group_seen_at(group, any, {&a, &b}, at(150)).has_value());
  group.state = danger;
  BOOST_TEST(!group_seen_at(group, all, {&a, &b}, at(150)).has_value());
}

BOOST_AUTO_TEST_CASE(who_is_heard_decides_against_the_old_green_of_who_is_not) {
  auto a = member("a", danger, at(0));
  auto b = member("b", secure, at(0));
  a.lease_deadline = at(200);
  b.lease_deadline = at(100);
  BOOST_TEST((judge_heard(all, {&a, &b}, at(5)).state == secure));
  BOOST_TEST((judge_heard(all, {&a, &b}, at(150)).state == danger));
}

BOOST_AUTO_TEST_CASE(when_the_witness_of_a_danger_falls_silent_the_group_is_not_secure_until_it_is_heard_again) {
  auto witness = member("a", offline, at(50));
  witness.state_before_offline = danger;
  const auto b = member("b", secure, at(0));
  const auto verdict = judge_group(any, {&witness, &b}, at(200));
  BOOST_TEST((verdict.state == warning));
  BOOST_TEST_REQUIRE(verdict.findings.size() == 2U);
  BOOST_TEST(verdict.findings[0].code == "group_witness_lost");
  BOOST_TEST((verdict.findings[0].since == at(50)));
  witness.state_before_offline = contained;
  BOOST_TEST((judge_group(any, {&witness, &b}, at(200)).state == secure));
}

BOOST_AUTO_TEST_CASE(who_is_missing_is_told_also_when_the_others_are_enough) {
  const auto a = member("a", offline, at(40));
  const auto b = member("b", secure);
  const auto c = member("c", secure);
  const auto enough = judge_group(two, {&a, &b, &c}, at(50));
  BOOST_TEST((enough.state == secure));
  BOOST_TEST_REQUIRE(enough.findings.size() == 1U);
  BOOST_TEST(enough.findings[0].code == "group_incomplete");
  BOOST_TEST((enough.findings[0].severity == Severity::information));
  BOOST_TEST((enough.findings[0].since == at(40)));
  const auto few = judge_group(two, {&a, &b}, at(50));
  BOOST_TEST_REQUIRE(few.findings.size() == 1U);
  BOOST_TEST((few.findings[0].severity == Severity::warning));
  BOOST_TEST((few.findings[0].evidence == nlohmann::json{{"missing", {"a"}}, {"seeing", 1}, {"needed", 2}}));
  BOOST_TEST(judge_group(any, {&b, &c}, at(50)).findings.empty());
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_client_that_can_never_see) {
  auto python = member("a", warning);
  python.findings = {finding("routes_not_seen", Severity::warning, at(0))};
  auto silent_python = member("b", offline);
  silent_python.last_report.schema = 1;
  const auto c = member("c", secure);
  BOOST_TEST((judge_group(all, {&python, &silent_python, &c}, at(5)).state == secure));
}

BOOST_AUTO_TEST_CASE(a_client_that_cannot_see_routes_has_no_vote) {
  auto python = member("a", warning);
  python.findings = {finding("routes_not_seen", Severity::warning, at(0))};
  const auto b = member("b", danger);
  BOOST_TEST((judge_group(all, {&python, &b}, at(5)).state == danger));
}

BOOST_AUTO_TEST_CASE(with_any_a_disagreement_is_told_beside_the_leak) {
  const auto a = member("a", danger, at(100));
  const auto b = member("b", secure, at(0));
  const auto verdict = judge_group(any, {&a, &b}, at(200));
  BOOST_TEST((verdict.state == danger));
  BOOST_TEST_REQUIRE(verdict.findings.size() == 2U);
  BOOST_TEST(verdict.findings[0].code == "default_route_outside");
  BOOST_TEST(verdict.findings[1].code == "group_disagrees");
}

BOOST_AUTO_TEST_CASE(a_warning_here_and_green_there_is_no_disagreement) {
  const auto a = member("a", warning, at(0));
  const auto b = member("b", secure, at(0));
  BOOST_TEST(judge_group(all, {&a, &b}, at(200)).findings.empty());
}

BOOST_AUTO_TEST_CASE(equal_findings_become_one_that_names_who_saw_it_first) {
  const auto a = member("a", danger, at(7));
  const auto b = member("b", danger, at(3));
  const auto verdict = judge_group(any, {&a, &b}, at(9));
  BOOST_TEST_REQUIRE(verdict.findings.size() == 1U);
  BOOST_TEST((verdict.findings[0].since == at(3)));
  BOOST_TEST((verdict.findings[0].evidence["seen_by"] == nlohmann::json::array({"a", "b"})));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(group_rule)

BOOST_AUTO_TEST_CASE(every_form_is_read_and_written) {
  for (const auto* const text : {"any", "all", "quorum", "quorum:1", "quorum:10000"})
    BOOST_TEST(to_string(parse_group_rule(text).value()) == text);
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused_with_what_was_expected) {
  for (const auto* const text : {"", "Any", "quorum:", "quorum:0", "quorum:-1", "quorum:2x", "quorum:10001", "quorum2", "some"}) {
    const auto rule = parse_group_rule(text);
    BOOST_TEST_REQUIRE(!rule.has_value(), text);
    BOOST_TEST(rule.error().message.find("expected any, all, quorum") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(groups_have_rules_of_their_own_and_one_for_the_rest) {
  const auto rules = parse_group_rules({"all", "office=quorum:2"}).value();
  BOOST_TEST(to_string(rules.of("office")) == "quorum:2");
  BOOST_TEST(to_string(rules.of("home")) == "all");
  BOOST_TEST(to_string(parse_group_rules({}).value().of("home")) == "any");
}

BOOST_AUTO_TEST_CASE(two_rules_for_one_group_or_a_bad_name_are_refused) {
  BOOST_TEST(!parse_group_rules({"any", "all"}).has_value());
  BOOST_TEST(!parse_group_rules({"a=any", "a=all"}).has_value());
  BOOST_TEST(!parse_group_rules({"=any"}).has_value());
  BOOST_TEST(!parse_group_rules({"a b=any"}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
