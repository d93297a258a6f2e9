#include "hub/engine/writer.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/engine/compose_desk.hpp"
#include "tests/unit/hub/engine/memory_store.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(writer)

using namespace vpn_sentinel;
using test::at;
using test::report;

namespace {

std::vector<StoredAlert> one_alert(const Change& change) {
  return {{0, "telegram", std::string(to_string(change.kind)) + " " + std::string(to_string(change.to)), change.noticed, 0}};
}

struct Bench {
  std::shared_ptr<test::Shelf> shelf = std::make_shared<test::Shelf>();
  Writer writer{std::make_unique<test::MemoryStore>(shelf), FleetPolicy{}, std::make_shared<test::ComposeDesk>(one_alert)};

  Result<Written> write(std::vector<Admitted> reports, WallTime now = at(0)) {
    Work work;
    for (auto& admitted : reports) work.reports.push_back({std::move(admitted), nullptr});
    return writer.write(work, now, true);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_its_change_its_alert_and_its_client_are_one_transaction) {
  Bench bench;
  const auto written = bench.write({report("a", "b", 1, State::danger, at(0))});
  BOOST_REQUIRE(written.has_value());
  BOOST_TEST((written->results == std::vector{SubmitResult::stored}));
  BOOST_TEST(written->changes.size() == 1U);
  BOOST_TEST(written->alerts.at(0).id == 1);
  BOOST_TEST(written->alerts.at(0).text == "connected danger");
  BOOST_TEST(bench.shelf->commits == 1);
  BOOST_TEST((bench.shelf->content.clients.at("a").state == State::danger));
  BOOST_TEST((*written->touched.at(0) == bench.shelf->content.clients.at("a")));
}

BOOST_AUTO_TEST_CASE(a_duplicate_is_told_and_changes_nothing) {
  Bench bench;
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::secure, at(0))}).has_value());
  const auto written = bench.write({report("a", "b", 1, State::danger, at(0)), report("a", "b", 1, State::danger, at(0))});
  BOOST_TEST((written.value().results == std::vector{SubmitResult::duplicate, SubmitResult::duplicate}));
  BOOST_TEST(written->changes.empty());
  BOOST_TEST(written->touched.empty());
}

BOOST_AUTO_TEST_CASE(a_new_client_without_room_is_not_stored_and_forgetting_another_makes_room) {
  Bench bench;
  FleetPolicy policy;
  policy.limits = {2, 1};
  Writer writer(std::make_unique<test::MemoryStore>(bench.shelf), policy, nullptr);
  const auto write = [&](std::vector<Admitted> reports) {
    Work work;
    for (auto& admitted : reports) work.reports.push_back({std::move(admitted), nullptr});
    return writer.write(work, at(0), true).value();
  };
  auto of_key = report("of-key", "b", 1, State::secure, at(0));
  of_key.key = "k";
  auto another = report("another", "b", 1, State::secure, at(0));
  another.key = "k";
  const auto third = report("third", "b", 1, State::danger, at(0));
  // Within one transaction, too.
  const auto written =
      write({of_key, another, report("a", "b", 1, State::secure, at(0)), third, report("a", "b", 2, State::danger, at(1))});
  using enum SubmitResult;
  BOOST_TEST((written.results == std::vector{stored, too_many_of_key, stored, too_many_clients, stored}));
  BOOST_TEST(written.changes.size() == 3U);
  BOOST_TEST(bench.shelf->content.clients.size() == 2U);
  BOOST_REQUIRE(writer.forget({"of-key"}, at(1)).has_value());
  BOOST_TEST((write({another}).results == std::vector{stored}));
}

BOOST_AUTO_TEST_CASE(a_lease_that_passes_is_stored_with_its_change_and_alert) {
  Bench bench;
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::secure, at(0))}).has_value());
  const auto written = bench.write({}, at(40));
  BOOST_TEST(written.value().alerts.at(0).text == "went_offline offline");
  BOOST_TEST((bench.shelf->content.clients.at("a").state == State::offline));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_stored_never_happened) {
  for (const auto failing : {&test::Shelf::begin_fails, &test::Shelf::change_fails, &test::Shelf::commit_fails}) {
    Bench bench;
    BOOST_REQUIRE(bench.write({report("a", "b", 1, State::secure, at(0)), report("silent", "x", 1, State::secure, at(-20))}).has_value());
    const auto before = bench.writer.fleet().clients();
    auto& switch_ = (*bench.shelf).*failing;
    switch_ = true;
    BOOST_TEST(!bench.write({report("a", "b", 2, State::danger, at(20)), report("new", "c", 1, State::secure, at(20))}, at(20)));
    BOOST_TEST((bench.writer.fleet().clients() == before));
    switch_ = false;
    const auto written = bench.write({report("a", "b", 2, State::danger, at(20)), report("new", "c", 1, State::secure, at(20))}, at(20));
    BOOST_TEST((written.value().results == std::vector{SubmitResult::stored, SubmitResult::stored}));
    BOOST_TEST(written->changes.size() == 3U);
    BOOST_TEST((bench.writer.fleet().find("silent")->state == State::offline));
  }
}

namespace {

Admitted warning_with(std::uint64_t seq, const std::vector<std::string>& codes, Severity severity = Severity::warning) {
  auto admitted = report("a", "b", seq, State::warning, at(static_cast<double>(seq)));
  for (const auto& code : codes) admitted.report.findings.push_back(test::finding(code, severity, *admitted.report.timestamp));
  return admitted;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_comes_within_one_state_is_told_once_in_an_incident) {
  Bench bench;
  const auto news = [&](const Admitted& admitted) {
    const auto written = bench.write({admitted}, admitted.received);
    BOOST_REQUIRE(written.has_value());
    BOOST_TEST(written->alerts.size() == written->changes.size());
    return written->changes.empty() ? std::vector<std::string>{"nothing"} : written->changes.at(0).news;
  };
  using Codes = std::vector<std::string>;
  BOOST_TEST((news(warning_with(1, {})) == Codes{}));
  BOOST_TEST((news(warning_with(2, {"kill_switch_changed"})) == Codes{"kill_switch_changed"}));
  BOOST_TEST((news(warning_with(3, {})) == Codes{"nothing"}));
  BOOST_TEST((news(warning_with(4, {"kill_switch_changed"})) == Codes{"nothing"}));
  BOOST_TEST((news(warning_with(5, {"kill_switch_changed", "dns_packets_outside"})) == Codes{"dns_packets_outside"}));
  BOOST_TEST((news(warning_with(6, {"udp_unverifiable"}, Severity::information)) == Codes{"nothing"}));
  BOOST_TEST((news(warning_with(7, {"udp_unverifiable"})) == Codes{"udp_unverifiable"}));
  BOOST_TEST((news(report("a", "b", 8, State::secure, at(8))) == Codes{}));
  BOOST_TEST((news(warning_with(9, {})) == Codes{}));
  BOOST_TEST((news(warning_with(10, {"kill_switch_changed"})) == Codes{"kill_switch_changed"}));
}

BOOST_AUTO_TEST_CASE(in_one_transaction_what_comes_twice_is_told_once_as_well) {
  Bench bench;
  const auto written = bench.write({warning_with(1, {}), warning_with(2, {"dns_packets_outside"}), warning_with(3, {}),
                                    warning_with(4, {"dns_packets_outside"}), report("a", "b", 5, State::danger, at(5))});
  BOOST_TEST(written.value().changes.size() == 3U);
  BOOST_TEST(written->alerts.size() == 3U);
}

BOOST_AUTO_TEST_CASE(what_the_store_knew_is_there_after_a_restart) {
  Bench first;
  BOOST_REQUIRE(first.write({report("a", "b", 1, State::danger, at(0))}).has_value());
  Writer second(std::make_unique<test::MemoryStore>(first.shelf), FleetPolicy{}, std::make_shared<test::ComposeDesk>(one_alert));
  const auto clients = second.load(at(7200));
  BOOST_TEST((clients.value().at(0)->state == State::danger));
  BOOST_TEST((clients->at(0)->lease_deadline == at(32)));
  BOOST_TEST((second.fleet().next_deadline() == at(7260)));
}

BOOST_AUTO_TEST_CASE(a_client_that_only_renews_its_lease_is_saved_every_few_seconds) {
  Bench bench;
  const auto saved_seq = [&] { return bench.shelf->content.clients.at("a").last_report.seq; };
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::secure, at(0))}, at(0)).has_value());
  BOOST_TEST(saved_seq() == 1U);
  BOOST_REQUIRE(bench.write({report("a", "b", 2, State::secure, at(1))}, at(1)).has_value());
  BOOST_REQUIRE(bench.write({report("a", "b", 3, State::secure, at(2))}, at(2)).has_value());
  BOOST_TEST(saved_seq() == 1U);
  BOOST_TEST(!bench.writer.flush_due(at(20.9)));
  BOOST_TEST(bench.writer.flush_due(at(21)));
  BOOST_REQUIRE(bench.write({}, at(21)).has_value());
  BOOST_TEST(saved_seq() == 3U);
  BOOST_TEST(!bench.writer.flush_due(at(100)));
  BOOST_REQUIRE(bench.write({report("a", "b", 4, State::secure, at(22))}, at(22)).has_value());
  BOOST_REQUIRE(bench.writer.flush(at(23)).has_value());
  BOOST_TEST(saved_seq() == 4U);
  BOOST_TEST(!bench.writer.flush_due(at(100)));
}

BOOST_AUTO_TEST_CASE(many_clients_are_saved_some_at_a_time_and_all_before_the_end) {
  Bench bench;
  constexpr int clients = 200;
  const auto saved = [&](std::uint64_t seq) {
    return std::ranges::count_if(bench.shelf->content.clients, [seq](const auto& each) { return each.second.last_report.seq == seq; });
  };
  const auto all_report = [&](std::uint64_t seq, WallTime when) {
    std::vector<Admitted> reports;
    for (int i = 0; i < clients; ++i) reports.push_back(report("client-" + std::to_string(i), "b", seq, State::secure, when));
    BOOST_REQUIRE(bench.write(reports, when).has_value());
  };
  all_report(1, at(0));
  all_report(2, at(1));
  BOOST_TEST(saved(1) == clients);
  BOOST_REQUIRE(bench.write({}, at(22)).has_value());
  BOOST_TEST(saved(2) > 0);
  BOOST_TEST(saved(2) < clients);
  BOOST_TEST(bench.writer.is_flushing());
  bench.shelf->commit_fails = true;
  BOOST_TEST(!bench.write({}, at(22)).has_value());
  bench.shelf->commit_fails = false;
  while (bench.writer.is_flushing()) BOOST_REQUIRE(bench.write({}, at(23)).has_value());
  BOOST_TEST(saved(2) == clients);
  all_report(3, at(24));
  BOOST_REQUIRE(bench.writer.flush(at(24)).has_value());
  BOOST_TEST(saved(3) == clients);
}

BOOST_AUTO_TEST_CASE(a_change_is_saved_at_once_and_a_failed_one_later) {
  Bench bench;
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::secure, at(0))}, at(0)).has_value());
  BOOST_REQUIRE(bench.write({report("a", "b", 2, State::secure, at(1))}, at(1)).has_value());
  BOOST_REQUIRE(bench.write({report("a", "b", 3, State::danger, at(2))}, at(2)).has_value());
  BOOST_TEST((bench.shelf->content.clients.at("a").state == State::danger));
  bench.shelf->commit_fails = true;
  BOOST_REQUIRE(!bench.write({report("a", "b", 4, State::secure, at(3))}, at(3)).has_value());
  bench.shelf->commit_fails = false;
  BOOST_REQUIRE(bench.write({report("a", "b", 5, State::secure, at(4))}, at(4)).has_value());
  BOOST_TEST((bench.shelf->content.clients.at("a").state == State::secure));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_offline_for_too_long_is_forgotten_everywhere_or_nowhere) {
  Bench bench;
  BOOST_REQUIRE(bench.write({report("old", "b", 1, State::secure, at(0)), report("live", "c", 1, State::secure, at(90))}, at(90)));
  BOOST_TEST((bench.writer.fleet().find("old")->state == State::offline));  // since 32
  BOOST_TEST(bench.writer.forget(at(32), at(32)).value().empty());
  bench.shelf->commit_fails = true;
  BOOST_TEST(!bench.writer.forget(at(100), at(100)).has_value());
  BOOST_TEST(bench.writer.fleet().clients().size() == 2U);
  bench.shelf->commit_fails = false;
  BOOST_TEST((bench.writer.forget(at(100), at(100)).value() == std::vector<std::string>{"old"}));
  BOOST_TEST(bench.writer.fleet().clients().size() == 1U);
  BOOST_TEST(bench.shelf->content.clients.size() == 1U);
  const auto again = bench.write({report("old", "d", 1, State::secure, at(100))}, at(100));
  BOOST_TEST((again.value().changes.at(0).kind == Change::Kind::connected));
}

BOOST_AUTO_TEST_CASE(a_client_that_somebody_wants_forgotten_is_gone_with_its_open_incident_and_new_when_it_comes_again) {
  Bench bench;
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::danger, at(0)), report("c", "d", 1, State::secure, at(0))}).has_value());
  BOOST_TEST((bench.writer.forget({"a", "unknown"}, at(5)).value() == std::vector<std::string>{"a"}));
  BOOST_TEST(bench.shelf->content.clients.size() == 1U);
  BOOST_TEST(bench.writer.forget({"a"}, at(6)).value().empty());
  const auto again = bench.write({report("a", "b", 2, State::danger, at(7))}, at(7));
  BOOST_TEST((again.value().changes.at(0).kind == Change::Kind::connected));
}

BOOST_AUTO_TEST_CASE(trying_the_store_changes_nothing_in_it) {
  Bench bench;
  BOOST_TEST(!bench.writer.try_write().has_value());
  BOOST_REQUIRE(bench.write({report("a", "b", 1, State::danger, at(0))}).has_value());
  const auto before = bench.shelf->content.clients;
  BOOST_TEST(bench.writer.try_write().value().has_value());
  BOOST_TEST((bench.shelf->content.clients == before));
  bench.shelf->commit_fails = true;
  BOOST_TEST(!bench.writer.try_write().value().has_value());
}

namespace {

Admitted member(std::string client_id, std::uint64_t seq, State state, WallTime when) {
  auto admitted = report(std::move(client_id), "boot", seq, state, when);
  admitted.report.group = "office";
  return admitted;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_group_is_stored_with_the_report_that_changed_it_or_not_at_all) {
  Bench bench;
  BOOST_REQUIRE(bench.write({member("a", 1, State::secure, at(0)), member("b", 1, State::secure, at(0))}).has_value());
  BOOST_TEST((bench.shelf->content.clients.at("group:office").state == State::secure));
  bench.shelf->commit_fails = true;
  BOOST_TEST(!bench.write({member("b", 2, State::danger, at(1))}, at(1)).has_value());
  BOOST_TEST((bench.writer.fleet().find("group:office")->state == State::secure));
  bench.shelf->commit_fails = false;
  const auto written = bench.write({member("b", 2, State::danger, at(2))}, at(2));
  BOOST_TEST(written.value().changes.size() == 2U);
  BOOST_TEST(written->changes[1].client_id == "group:office");
  BOOST_TEST((bench.shelf->content.clients.at("group:office").state == State::danger));
}

BOOST_AUTO_TEST_CASE(a_group_that_everybody_has_left_is_removed_with_the_report_that_left_it_or_not_at_all) {
  Bench bench;
  BOOST_REQUIRE(bench.write({member("a", 1, State::danger, at(0))}).has_value());
  BOOST_TEST(bench.shelf->content.clients.contains("group:office"));
  auto alone = member("a", 2, State::danger, at(1));
  alone.report.group.clear();
  bench.shelf->commit_fails = true;
  BOOST_TEST(!bench.write({alone}, at(1)).has_value());
  BOOST_TEST((bench.writer.fleet().find("group:office")->state == State::danger));
  bench.shelf->commit_fails = false;
  const auto written = bench.write({alone}, at(2));
  BOOST_TEST((written.value().removed == std::vector<std::string>{"group:office"}));
  BOOST_TEST(written->alerts.empty());
  BOOST_TEST((bench.writer.fleet().find("group:office") == nullptr));
  BOOST_TEST(!bench.shelf->content.clients.contains("group:office"));
  for (const auto& [id, incident] : bench.shelf->content.incidents) {
    if (incident.client_id == "group:office") BOOST_TEST(incident.end.has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_group_may_be_joined_and_left_within_one_transaction) {
  Bench bench;
  auto alone = member("a", 2, State::danger, at(1));
  alone.report.group.clear();
  const auto written = bench.write({member("a", 1, State::danger, at(0)), alone}, at(1));
  BOOST_REQUIRE(written.has_value());
  BOOST_TEST((bench.writer.fleet().find("group:office") == nullptr));
  BOOST_TEST(!bench.shelf->content.clients.contains("group:office"));
  const auto again = bench.write({member("a", 3, State::danger, at(2)), member("b", 1, State::secure, at(2))}, at(2));
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST((bench.writer.fleet().find("group:office")->state == State::danger));
  auto left = member("a", 4, State::danger, at(3));
  left.report.group.clear();
  auto right = member("b", 2, State::secure, at(3));
  right.report.group.clear();
  BOOST_REQUIRE(bench.write({left, right, member("b", 3, State::secure, at(4))}, at(4)).has_value());
  BOOST_TEST((bench.writer.fleet().find("group:office")->state == State::secure));
  BOOST_TEST(bench.shelf->content.clients.contains("group:office"));
}

BOOST_AUTO_TEST_CASE(a_danger_that_begins_and_ends_within_one_transaction_is_told_by_the_group_and_only_by_it) {
  Bench bench;
  BOOST_REQUIRE(bench.write({member("a", 1, State::secure, at(0))}).has_value());
  const auto written = bench.write({member("a", 2, State::danger, at(1)), member("a", 3, State::secure, at(2))}, at(2));
  std::vector<std::string> alerts;
  for (const auto& alert : written.value().alerts) alerts.push_back(alert.text);
  BOOST_TEST((alerts == std::vector<std::string>{"state_changed danger", "state_changed secure"}));
  BOOST_TEST(written->changes.size() == 4U);
}

BOOST_AUTO_TEST_CASE(what_comes_within_one_state_of_a_group_is_told_once) {
  Bench bench;
  const auto alerts = [&](std::uint64_t seq, const std::vector<std::string>& codes) {
    auto admitted = member("a", seq, State::danger, at(static_cast<double>(seq)));
    for (const auto& code : codes) admitted.report.findings.push_back(test::finding(code, Severity::danger, at(0)));
    return bench.write({admitted}, admitted.received).value().alerts.size();
  };
  BOOST_TEST(alerts(1, {}) == 1U);
  BOOST_TEST(alerts(2, {"packets_outside"}) == 1U);
  BOOST_TEST(alerts(3, {}) == 0U);
  BOOST_TEST(alerts(4, {"packets_outside"}) == 0U);
}

BOOST_AUTO_TEST_CASE(a_disagreement_of_a_group_is_an_alarm_of_its_own_and_groups_come_back_after_a_restart) {
  Bench bench;
  BOOST_REQUIRE(bench.write({member("a", 1, State::secure, at(0)), member("b", 1, State::danger, at(5))}, at(5)).has_value());
  BOOST_TEST((bench.writer.next_alarm() == at(15)));
  BOOST_REQUIRE(bench.write({}, at(15)).has_value());
  BOOST_TEST(bench.writer.fleet().find("group:office")->findings.back().code == "group_disagrees");
  Writer again{std::make_unique<test::MemoryStore>(bench.shelf), FleetPolicy{}, std::make_shared<test::ComposeDesk>(one_alert)};
  BOOST_REQUIRE(again.load(at(16)).has_value());
  BOOST_TEST((again.next_alarm() <= at(16)));
  BOOST_TEST(again.write({}, at(16), true).value().changes.empty());
  BOOST_TEST(again.fleet().find("group:office")->members.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
