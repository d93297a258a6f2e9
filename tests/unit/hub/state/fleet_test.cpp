#include "hub/state/fleet.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(fleet)

using namespace vpn_sentinel;
using test::at;
using test::late;
using test::report;
using test::stopping;
using test::with_address;
using Kind = Change::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const FleetPolicy policy{};

State state_of_client(const Fleet& fleet, const std::string& client_id = "a") { return fleet.find(client_id)->state; }

/// The only change; fails when there is none or more.
Change only(const std::vector<Change>& changes) {
  BOOST_REQUIRE_EQUAL(changes.size(), 1U);
  return changes.front();
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_report_connects_with_its_state) {
  Fleet fleet(policy);
  const auto change = only(fleet.apply(report("a", "b", 1, State::danger, at(0))));
  BOOST_TEST((change.kind == Kind::connected));
  BOOST_TEST(!change.from.has_value());
  BOOST_TEST((change.to == State::danger));
  BOOST_TEST((change.at == at(0)));
  BOOST_TEST((change.client == *fleet.find("a")));
}

BOOST_AUTO_TEST_CASE(the_same_state_again_is_no_change_but_a_longer_lease) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  BOOST_TEST(fleet.apply(report("a", "b", 2, State::secure, at(20))).empty());
  BOOST_TEST((fleet.find("a")->since == at(0)));
  BOOST_TEST((fleet.find("a")->lease_deadline == at(52)));
  BOOST_TEST((fleet.next_deadline() == at(52)));
}

BOOST_AUTO_TEST_CASE(within_one_state_a_finding_that_comes_is_news_and_one_that_goes_is_not) {
  Fleet fleet(policy);
  auto more = report("a", "b", 2, State::danger, at(10));
  more.report.findings.push_back(test::finding("packets_outside", Severity::danger, at(10)));
  // Beside a danger nobody wants to hear what else could not be looked at.
  more.report.findings.push_back(test::finding("dns_unverifiable", Severity::warning, at(10)));
  fleet.apply(report("a", "b", 1, State::danger, at(0)));
  const auto change = only(fleet.apply(more));
  BOOST_TEST((change.kind == Kind::state_changed));
  BOOST_TEST((change.from == State::danger));
  BOOST_TEST((change.news == std::vector<std::string>{"packets_outside"}));
  BOOST_TEST(fleet.apply(report("a", "b", 3, State::danger, at(20))).empty());
}

BOOST_AUTO_TEST_CASE(a_different_state_is_a_change_at_the_time_of_the_report) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto change = only(fleet.apply(late(report("a", "b", 2, State::danger, at(10)), at(11))));
  BOOST_TEST((change.kind == Kind::state_changed));
  BOOST_TEST((change.from == State::secure));
  BOOST_TEST((change.to == State::danger));
  BOOST_TEST((change.at == at(10)));
  BOOST_TEST((change.noticed == at(11)));
  BOOST_TEST((change.previous_lasted == seconds{10}));
}

BOOST_AUTO_TEST_CASE(a_worse_state_began_with_its_finding_a_better_one_with_its_report) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  auto danger = report("a", "b", 2, State::danger, at(10));
  danger.report.findings.at(0).since = at(9.98);
  const auto worse = only(fleet.apply(danger));
  BOOST_TEST((worse.client.since == at(9.98)));
  BOOST_TEST((worse.previous_lasted == milliseconds{9980}));

  auto warning = report("a", "b", 3, State::warning, at(20));
  warning.report.findings.at(0).since = at(-500);
  const auto better = only(fleet.apply(warning));
  BOOST_TEST((better.client.since == at(20)));
  BOOST_TEST((better.previous_lasted == milliseconds{10'020}));
}

BOOST_AUTO_TEST_CASE(a_state_never_begins_before_the_one_it_follows) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  auto danger = report("a", "b", 2, State::danger, at(10));
  danger.report.findings.at(0).since = at(-100);
  BOOST_TEST((only(fleet.apply(danger)).client.since == at(0)));
}

BOOST_AUTO_TEST_CASE(a_new_address_in_the_same_state_is_told_with_the_old_one) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto change = only(fleet.apply(with_address(report("a", "b", 2, State::secure, at(10)), "203.0.113.9")));
  BOOST_TEST((change.kind == Kind::address_changed));
  BOOST_TEST(change.previous_address == "198.51.100.2");
  BOOST_TEST((change.client.since == at(0)));
}

BOOST_AUTO_TEST_CASE(an_address_that_was_unknown_for_a_while_is_no_change_and_hides_none) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  BOOST_TEST(fleet.apply(with_address(report("a", "b", 2, State::secure, at(10)), std::nullopt)).empty());
  BOOST_TEST(fleet.apply(report("a", "b", 3, State::secure, at(20))).empty());
  fleet.apply(with_address(report("a", "b", 4, State::secure, at(30)), std::nullopt));
  const auto change = only(fleet.apply(with_address(report("a", "b", 5, State::secure, at(40)), "203.0.113.9")));
  BOOST_TEST((change.kind == Kind::address_changed));
}

BOOST_AUTO_TEST_CASE(one_report_gives_at_most_one_change) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto change = only(fleet.apply(with_address(report("a", "b", 2, State::danger, at(10)), "203.0.113.9")));
  BOOST_TEST((change.kind == Kind::state_changed));
  BOOST_TEST(change.previous_address == "198.51.100.2");
}

BOOST_AUTO_TEST_CASE(silence_beyond_lease_and_grace_is_offline_and_never_the_old_colour) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  BOOST_TEST(fleet.expire(at(31.9)).empty());
  BOOST_TEST((fleet.overdue(at(32)) == std::vector<std::string>{"a"}));
  BOOST_TEST((state_of_client(fleet) == State::secure));
  const auto change = only(fleet.expire(at(40)));
  BOOST_TEST((change.kind == Kind::went_offline));
  BOOST_TEST((change.from == State::secure));
  BOOST_TEST((change.at == at(32)));
  BOOST_TEST((change.noticed == at(40)));
  BOOST_TEST((change.previous_lasted == seconds{32}));
  const auto& client = *fleet.find("a");
  BOOST_TEST((client.state == State::offline));
  BOOST_TEST((client.state_before_offline == State::secure));
  BOOST_REQUIRE_EQUAL(client.findings.size(), 1U);
  BOOST_TEST(client.findings[0].code == "lease_expired");
  BOOST_TEST(client.findings[0].evidence == (nlohmann::json{{"last_seen", "2026-11-21T10:00:00.000000Z"}, {"lease_s", 30}}));
  BOOST_TEST(fleet.expire(at(1000)).empty());
  BOOST_TEST(!fleet.next_deadline().has_value());
}

BOOST_AUTO_TEST_CASE(the_lease_counts_from_the_hubs_clock) {
  Fleet fleet(policy);
  auto ahead = report("a", "b", 1, State::secure, at(0));
  ahead.report.timestamp = at(299);
  fleet.apply(ahead);
  BOOST_TEST((fleet.next_deadline() == at(32)));
}

BOOST_AUTO_TEST_CASE(a_client_that_names_no_lease_has_the_default_one) {
  Fleet fleet(policy);
  fleet.apply(test::original("a", State::secure, at(0)));
  BOOST_TEST((fleet.next_deadline() == at(30 * 60 + 2)));
}

BOOST_AUTO_TEST_CASE(a_report_of_an_offline_client_brings_it_back_with_the_length_of_its_silence) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.expire(at(32));
  const auto change = only(fleet.apply(with_address(report("a", "b", 2, State::danger, at(92)), "203.0.113.9")));
  BOOST_TEST((change.kind == Kind::came_back));
  BOOST_TEST((change.from == State::offline));
  BOOST_TEST((change.to == State::danger));
  BOOST_TEST((change.previous_lasted == seconds{60}));
  BOOST_TEST(change.previous_address == "198.51.100.2");
  BOOST_TEST(!change.client.state_before_offline.has_value());
  BOOST_TEST((fleet.next_deadline() == at(124)));
}

BOOST_AUTO_TEST_CASE(a_probe_that_stops_on_purpose_is_offline_at_once) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto change = only(fleet.apply(stopping(report("a", "b", 2, State::secure, at(10)))));
  BOOST_TEST((change.kind == Kind::went_offline));
  BOOST_TEST((change.at == at(10)));
  BOOST_TEST((state_of_client(fleet) == State::offline));
  BOOST_TEST(fleet.find("a")->findings.at(0).code == "probe_stopped");
  BOOST_TEST((fleet.find("a")->state_before_offline == State::secure));
  BOOST_TEST(fleet.expire(at(1000)).empty());
  BOOST_TEST((only(fleet.apply(report("a", "c", 1, State::secure, at(20)))).kind == Kind::came_back));
}

BOOST_AUTO_TEST_CASE(a_silent_probe_that_turns_out_to_be_stopped_is_told_once) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.expire(at(32));
  BOOST_TEST(fleet.apply(late(stopping(report("a", "b", 2, State::secure, at(10))), at(100))).empty());
  BOOST_TEST(fleet.find("a")->findings.at(0).code == "probe_stopped");
  BOOST_TEST((fleet.find("a")->state_before_offline == State::secure));
}

BOOST_AUTO_TEST_CASE(an_older_report_is_history_changes_nothing_and_extends_no_lease) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 5, State::danger, at(50)));
  const auto before = *fleet.find("a");
  BOOST_TEST(fleet.apply(late(report("a", "b", 4, State::secure, at(40)), at(60))).empty());
  BOOST_TEST(fleet.apply(late(report("a", "b", 5, State::secure, at(50)), at(60))).empty());
  BOOST_TEST((*fleet.find("a") == before));
}

BOOST_AUTO_TEST_CASE(findings_derived_anew_keep_the_time_at_which_they_began) {
  Fleet fleet(policy);
  fleet.apply(test::original("a", State::warning, at(0)));
  fleet.apply(test::original("a", State::warning, at(300)));
  BOOST_TEST((fleet.find("a")->findings.at(0).since == at(0)));
}

BOOST_AUTO_TEST_CASE(a_report_without_any_judgement_is_not_secure) {
  Fleet fleet(policy);
  auto unjudged = report("a", "b", 1, State::secure, at(0));
  unjudged.report.state.reset();
  fleet.apply(unjudged);
  BOOST_TEST((state_of_client(fleet) == State::warning));
}

BOOST_AUTO_TEST_CASE(a_probe_that_stops_before_it_was_ever_heard_is_kept_but_not_told) {
  Fleet fleet(policy);
  BOOST_TEST(fleet.apply(stopping(report("a", "b", 1, State::secure, at(0)))).empty());
  BOOST_TEST((state_of_client(fleet) == State::offline));
}

BOOST_AUTO_TEST_CASE(a_transaction_can_be_taken_back) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto before = fleet.snapshot("a");
  fleet.begin();
  BOOST_TEST((fleet.before("a") == before));
  fleet.apply(report("a", "b", 2, State::danger, at(10)));
  fleet.apply(report("new", "c", 1, State::danger, at(1)));
  BOOST_TEST((fleet.before("a") == before));
  BOOST_TEST((fleet.before("new") == nullptr));
  fleet.take_back();
  BOOST_TEST((fleet.snapshot("a") == before));
  BOOST_TEST((fleet.find("new") == nullptr));
  BOOST_TEST((fleet.next_deadline() == at(32)));
  BOOST_TEST(fleet.expire(at(33)).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_python_client_that_is_always_a_warning_still_tells_when_a_finding_comes_and_goes) {
  Fleet fleet(policy);
  const auto with = [](std::vector<std::string> codes, int second) {
    auto admitted = with_address(test::original("a", State::warning, at(second)), "203.0.113.5");
    admitted.report.findings.clear();
    for (auto& code : codes) admitted.report.findings.push_back(test::finding(std::move(code), Severity::warning, at(second)));
    return admitted;
  };
  fleet.apply(with({"routes_not_seen"}, 0));
  BOOST_TEST(fleet.apply(with({"routes_not_seen"}, 300)).empty());
  const auto leak = only(fleet.apply(with({"dns_answers_differ", "routes_not_seen"}, 600)));
  BOOST_TEST((leak.kind == Kind::state_changed));
  BOOST_TEST((leak.from == leak.to));
  BOOST_TEST((leak.previous_lasted == seconds(600)));
  BOOST_TEST(fleet.apply(with({"routes_not_seen", "dns_answers_differ"}, 900)).empty());
  BOOST_TEST(fleet.apply(with({"routes_not_seen"}, 1200)).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
