#include "hub/alert/desk_keeper.hpp"

#include "hub/engine/writer.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/alert/make_desk.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(desk_keeper)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

Change fall_of(const std::string& client_id) {
  Change change;
  change.kind = Change::Kind::state_changed;
  change.client_id = client_id;
  change.from = State::secure;
  change.to = State::danger;
  change.at = change.noticed = at(0);
  change.client.client_id = client_id;
  change.client.state = State::danger;
  return change;
}

std::vector<std::string> channels_of(const AlertDesk::Outcome& outcome) {
  std::vector<std::string> channels;
  for (const auto& alert : outcome.alerts) channels.push_back(alert.channel);
  return channels;
}

DeskSettings rule_for(const std::string& name, const std::string& channel) {
  return {{rule_of(R"({"name":")" + name + R"(","on":"state","channels":[")" + channel + R"("]})")}, {channel}};
}

Kept kept_rule(const std::string& name, const std::string& channel) {
  return {name, R"({"name":")" + name + R"(","on":"state","channels":[")" + channel + R"("]})"};
}

std::vector<std::string> told_of(DeskKeeper& keeper, const std::string& client_id) {
  keeper.begin();
  keeper.on_change(fall_of(client_id), false, std::nullopt, at(0));
  return channels_of(keeper.finish(at(0)));
}

using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_that_is_read_again_within_a_transaction_counts_from_the_next_one_on) {
  DeskKeeper keeper(rule_for("old", "phone"));
  keeper.restore({}, {}, {}, at(0));
  BOOST_TEST(keeper.is_in_force());
  keeper.begin();
  for (int i = 0; i < 12; ++i) keeper.on_change(fall_of("a" + std::to_string(i)), false, std::nullopt, at(0));
  keeper.use(rule_for("new", "mail"));
  BOOST_TEST(channels_of(keeper.finish(at(0))) == Names{"phone"}, boost::test_tools::per_element());
  BOOST_TEST(!keeper.is_in_force());
  BOOST_TEST(keeper.next_alarm().has_value());
  BOOST_TEST(told_of(keeper, "b") == Names{"mail"}, boost::test_tools::per_element());
  BOOST_TEST(keeper.is_in_force());
  BOOST_TEST(keeper.rules().at(0).name == "new");
}

BOOST_AUTO_TEST_CASE(what_a_transaction_told_before_rules_of_the_api_changed_in_it_is_told_once) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {}, {}, at(0));
  keeper.begin();
  for (int i = 0; i < 12; ++i) keeper.on_change(fall_of("a" + std::to_string(i)), false, std::nullopt, at(0));
  keeper.on_rules({kept_rule("leak", "mail"), kept_rule("other", "mail")}, at(0));
  BOOST_TEST(channels_of(keeper.finish(at(0))) == (Names{"phone", "mail"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rules_of_a_transaction_that_fails_are_not_in_force) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {kept_rule("leak", "phone")}, {}, at(0));
  keeper.begin();
  keeper.on_rules({kept_rule("leak", "mail")}, at(0));
  static_cast<void>(keeper.finish(at(0)));
  keeper.take_back();
  BOOST_TEST(keeper.rules().at(0).channels == Names{"phone"}, boost::test_tools::per_element());
  BOOST_TEST(told_of(keeper, "a").at(0) == "phone");
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_api_whose_channel_the_file_has_no_more_tells_on_all) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {kept_rule("leak", "phone")}, {}, at(0));
  keeper.use({{}, {"mail", "desk"}});
  BOOST_TEST(told_of(keeper, "a") == (Names{"mail", "desk"}), boost::test_tools::per_element());
}

namespace {

DeskSettings with_report() {
  DeskSettings settings{{built_in_rule()}, {"phone", "mail"}};
  settings.report = ReportPlan{};
  return settings;
}

WallTime day(const char* date) { return parse_rfc3339(std::string(date) + "T09:00:00Z").value(); }

/// As the engine does; what was kept is in `rows`.
Names commit(DeskKeeper& keeper, WallTime now, std::vector<Kept>& rows) {
  keeper.begin();
  const auto outcome = keeper.finish(now);
  for (const auto& row : outcome.kept) rows = {row};
  return channels_of(outcome);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_report_of_a_month_is_told_once_by_each_channel_over_restarts) {
  std::vector<Kept> rows;
  DeskKeeper first(with_report());
  first.restore(rows, {}, {}, day("2026-10-20"));
  BOOST_TEST(first.next_alarm().has_value());
  BOOST_TEST(commit(first, day("2026-10-20"), rows).empty());  // what was before the plan is not told
  BOOST_TEST(!first.due_report(day("2026-10-31")).has_value());
  const auto due = first.due_report(day("2026-11-01"));
  BOOST_REQUIRE(due.has_value());
  BOOST_TEST(due->name == "2026-10");
  // The hub ends before it is made, and is down for days.
  DeskKeeper second(with_report());
  second.restore(rows, {}, {}, day("2026-11-05"));
  BOOST_TEST(second.due_report(day("2026-11-05"))->name == "2026-10");
  second.offer_report("2026-10", "text");
  BOOST_TEST(!second.due_report(day("2026-11-05")).has_value());
  BOOST_TEST(commit(second, day("2026-11-05"), rows) == (Names{"phone", "mail"}), boost::test_tools::per_element());
  second.offer_report("2026-10", "text");
  BOOST_TEST(commit(second, day("2026-11-05"), rows).empty());
  DeskKeeper third(with_report());
  third.restore(rows, {}, {}, day("2026-11-06"));
  BOOST_TEST(!third.due_report(day("2026-11-06")).has_value());
}

BOOST_AUTO_TEST_CASE(a_report_that_nobody_wants_any_more_is_not_told_and_keeps_nobody_busy) {
  const std::vector<Kept> rows{{"report", R"({"month":"2026-09"})"}};
  const auto without = [] {
    auto settings = with_report();
    settings.report.reset();
    return settings;
  };
  DeskKeeper before(with_report());
  before.restore(rows, {}, {}, day("2026-11-01"));
  before.offer_report("2026-10", "text");
  before.use(without());
  before.begin();
  BOOST_TEST(before.finish(day("2026-11-01")).alerts.empty());
  BOOST_TEST(!before.next_alarm().has_value());
  // It was being made meanwhile.
  DeskKeeper after(without());
  after.restore(rows, {}, {}, day("2026-11-01"));
  after.offer_report("2026-10", "text");
  BOOST_TEST(!after.next_alarm().has_value());
}

BOOST_AUTO_TEST_CASE(a_report_whose_transaction_fails_is_told_by_the_next_one) {
  std::vector<Kept> rows{{"report", R"({"month":"2026-09"})"}};
  DeskKeeper keeper(with_report());
  keeper.restore(rows, {}, {}, day("2026-11-05"));
  keeper.offer_report("2026-10", "text");
  keeper.begin();
  BOOST_TEST(keeper.finish(day("2026-11-05")).alerts.size() == 2U);
  keeper.take_back();
  BOOST_TEST(commit(keeper, day("2026-11-05"), rows) == (Names{"phone", "mail"}), boost::test_tools::per_element());
  BOOST_TEST(commit(keeper, day("2026-11-05"), rows).empty());
}

BOOST_AUTO_TEST_CASE(trouble_that_stood_when_the_rules_changed_is_told_to_be_over) {
  const TemporaryDirectory directory;
  const auto keeper = std::make_shared<DeskKeeper>(DeskSettings{{}, {"phone"}});
  Writer writer(take(open_sqlite_store(directory.file("hub.db"))), FleetPolicy{}, keeper);
  BOOST_REQUIRE(writer.load(at(0)).has_value());
  std::uint64_t seq = 0;
  double now = 0;
  const auto told = [&](State state) {
    Work work;
    now += 5;
    work.reports.push_back({report("a", "boot", ++seq, state, at(now)), nullptr});
    return channels_of({writer.write(work, at(now), true).value().alerts, {}, {}}).size();
  };
  static_cast<void>(told(State::secure));
  BOOST_TEST(told(State::danger) == 1U);
  BOOST_REQUIRE(writer.care(RuleOrder{"leak", kept_rule("leak", "phone").json}, at(now)).has_value());
  BOOST_TEST(told(State::secure) == 1U);
  BOOST_TEST(told(State::danger) == 1U);
  keeper->use(rule_for("file", "phone"));
  BOOST_TEST(told(State::danger) == 0U);  // it is the same trouble
  BOOST_TEST(told(State::secure) >= 1U);
}

BOOST_AUTO_TEST_SUITE_END()
