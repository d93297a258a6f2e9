#include "hub/alert/desk.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/alert/make_desk.hpp"

BOOST_AUTO_TEST_SUITE(desk)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;
using Kinds = std::vector<std::string>;

BOOST_AUTO_TEST_CASE(the_built_in_rule_tells_everything_that_has_words_at_once_on_all_channels) {
  DeskBench bench({{built_in_rule()}, {"phone", "mail"}});
  bench.change("a", std::nullopt, State::secure, 0);
  bench.change("a", State::secure, State::danger, 10);
  bench.change("a", State::danger, State::contained, 20);
  bench.change("a", State::contained, State::contained, 25);
  bench.change("a", State::contained, State::secure, 30);
  bench.change("a", State::secure, State::offline, 40);
  bench.change("a", State::offline, State::secure, 50);
  BOOST_TEST(bench.told("mail") == (Kinds{"a connected", "a danger", "a contained", "a news", "a protected_again", "a offline", "a back"}),
             boost::test_tools::per_element());
  BOOST_TEST(bench.told("mail") == bench.told("phone"), boost::test_tools::per_element());
  BOOST_TEST(bench.rows.empty());
}

BOOST_AUTO_TEST_CASE(what_ends_within_the_delay_is_not_told) {
  DeskBench bench(only(R"({"name":"r","on":"state","states":["danger"],"delay_s":60})"));
  bench.change("a", State::secure, State::danger, 0);
  bench.change("a", State::danger, State::secure, 59);
  bench.until(200);
  BOOST_TEST(bench.told().empty());
  bench.change("a", State::secure, State::danger, 200);
  bench.until(259);
  BOOST_TEST(bench.told().empty());
  bench.until(260);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
  bench.change("a", State::danger, State::secure, 300);
  BOOST_TEST(bench.told() == (Kinds{"a danger", "a protected_again"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_comes_back_within_the_clear_delay_was_not_over) {
  DeskBench bench(only(R"({"name":"r","on":"state","states":["danger"],"clear_delay_s":60})"));
  bench.change("a", State::secure, State::danger, 0);
  for (int i = 0; i < 5; ++i) {
    bench.change("a", State::danger, State::secure, 10 + 20 * i);
    bench.change("a", State::secure, State::danger, 20 + 20 * i);
  }
  bench.until(500);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
  bench.change("a", State::danger, State::secure, 600);
  bench.until(659);
  BOOST_TEST(bench.told().size() == 1U);
  bench.until(661);
  BOOST_TEST(bench.told() == (Kinds{"a danger", "a protected_again"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_gets_worse_never_waits_for_the_clear_delay) {
  DeskBench bench(only(R"({"name":"r","on":"state","states":["warning","danger"],"clear_delay_s":60})"));
  bench.change("a", State::secure, State::warning, 0);
  bench.change("a", State::warning, State::danger, 1);
  bench.change("a", State::danger, State::warning, 2);
  BOOST_TEST(bench.told() == (Kinds{"a warning", "a danger"}), boost::test_tools::per_element());
  bench.until(62);
  BOOST_TEST(bench.told() == (Kinds{"a warning", "a danger", "a warning"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(reminders_come_until_somebody_acknowledges_and_again_when_it_gets_worse) {
  DeskBench bench(only(R"({"name":"r","on":"state","remind_minutes":10})"));
  bench.change("a", State::secure, State::warning, 0);
  bench.until(1'250);
  BOOST_TEST(bench.told() == (Kinds{"a warning", "a reminder", "a reminder"}), boost::test_tools::per_element());
  bench.acknowledge("a", true, 1'260);
  bench.until(5'000);
  BOOST_TEST(bench.told().size() == 3U);
  bench.change("a", State::warning, State::danger, 5'000);
  bench.until(5'650);
  BOOST_TEST(bench.told() == (Kinds{"a warning", "a reminder", "a reminder", "a danger", "a reminder"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(others_are_called_once_when_nobody_acknowledges) {
  DeskBench bench({{rule_of(R"({"name":"r","on":"state","channels":["phone"],"escalate_after_minutes":5,"escalate_to":["boss"]})")},
                   {"phone", "boss"}});
  bench.change("a", State::secure, State::danger, 0);
  bench.change("b", State::secure, State::danger, 0);
  bench.acknowledge("b", true, 100);
  bench.until(5'000);
  BOOST_TEST(bench.told("boss") == Kinds{"a escalation"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("phone") == (Kinds{"a danger", "b danger"}), boost::test_tools::per_element());
  bench.acknowledge("b", false, 5'000);
  BOOST_TEST(bench.told("boss") == (Kinds{"a escalation", "b escalation"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_mute_ends_with_what_is_still_so_and_not_with_what_came_and_went) {
  DeskBench bench({{built_in_rule()}, {"phone"}});
  bench.change("a", State::secure, State::warning, 0);
  bench.mute("a", 100, 1);
  bench.mute("b", 100, 1);
  bench.mute("c", 100, 1);
  bench.change("a", State::warning, State::secure, 10);
  bench.change("b", State::secure, State::danger, 20);
  bench.change("c", State::secure, State::danger, 20);
  bench.change("c", State::danger, State::secure, 30);
  bench.until(99);
  BOOST_TEST(bench.told() == Kinds{"a warning"}, boost::test_tools::per_element());
  bench.until(101);
  BOOST_TEST(bench.told() == (Kinds{"a warning", "a protected_again", "b danger"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_mute_without_end_lasts_until_it_is_taken_back) {
  DeskBench bench({{built_in_rule()}, {"phone"}});
  bench.mute("group:berlin", std::nullopt, 0);
  bench.change("b-1", State::secure, State::danger, 10, "berlin");
  bench.until(1e6);
  BOOST_TEST(bench.told().empty());
  bench.unmute("group:berlin", 1e6);
  BOOST_TEST(bench.told() == Kinds{"b-1 danger"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(quiet_hours_let_danger_pass_and_put_off_all_else_that_is_still_so) {
  // Tests begin at 10:00 UTC.
  DeskBench bench(only(R"({"name":"r","on":"state","quiet_hours":"09:00-11:00","time_zone":"UTC"})"));
  bench.change("a", State::secure, State::warning, 0);
  bench.change("b", State::secure, State::danger, 1);
  bench.change("b", State::danger, State::secure, 2);
  bench.change("c", State::secure, State::warning, 3);
  bench.change("c", State::warning, State::secure, 4);
  bench.change("d", std::nullopt, State::secure, 5);
  bench.until(3'599);
  BOOST_TEST(bench.told() == (Kinds{"b danger", "b protected_again"}), boost::test_tools::per_element());
  bench.until(3'601);
  const auto told = bench.told();
  BOOST_TEST(std::set<std::string>(told.begin() + 2, told.end()) == (std::set<std::string>{"a warning", "d connected"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(maintenance_silences_whom_it_names_while_it_lasts) {
  DeskSettings settings{{built_in_rule()}, {"phone"}};
  settings.windows = {{0, "move", {"berlin-*"}, at(0), at(100)}};
  DeskBench bench(settings);
  bench.change("berlin-1", State::secure, State::danger, 10);
  bench.change("paris-1", State::secure, State::danger, 10);
  BOOST_TEST(bench.told() == Kinds{"paris-1 danger"}, boost::test_tools::per_element());
  bench.until(100);
  BOOST_TEST(bench.told() == (Kinds{"paris-1 danger", "berlin-1 danger"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(five_thousand_clients_that_fall_at_once_are_one_message_per_group_and_channel) {
  DeskBench bench({{built_in_rule()}, {"phone", "mail"}});
  bench.together([&] {
    for (int i = 0; i < 5'000; ++i) bench.event("c" + std::to_string(i), State::secure, State::offline, 10, i % 2 == 0 ? "even" : "odd");
  });
  BOOST_TEST(bench.told("phone").size() == 2U);
  BOOST_TEST(bench.told("mail").size() == 2U);
  const auto& notice = bench.notices.at(0).second;
  BOOST_TEST((notice.kind == Notice::Kind::together));
  BOOST_TEST(notice.clients.size() + notice.more_clients == 2'500U);
  BOOST_TEST(notice.title.find("2500 clients of the group even: OFFLINE") != std::string::npos);
}

namespace {

DeskSettings as_hubs_do() {
  DeskSettings settings{{built_in_rule()}, {"phone"}};
  settings.join_wait = Desk::usual_join_wait;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_file_one_danger_is_told_within_a_quarter_of_a_second_and_a_few_are_told_each) {
  DeskBench bench(as_hubs_do());
  bench.change("a", State::secure, State::danger, 10);
  bench.until(10.25);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
  for (const auto* name : {"b", "c", "d"}) bench.change(name, State::secure, State::danger, 20);
  bench.until(30);
  BOOST_TEST(bench.told() == (Kinds{"a danger", "b danger", "c danger", "d danger"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_a_file_fifty_that_fall_together_are_one_message) {
  DeskBench bench(as_hubs_do());
  for (int i = 0; i < 50; ++i) bench.change("c" + std::to_string(i), State::secure, State::danger, 10 + i * 0.06);
  bench.until(60);
  BOOST_TEST(bench.told() == Kinds{" together"}, boost::test_tools::per_element());
  BOOST_TEST(bench.notices[0].second.clients.size() == 50U);
}

BOOST_AUTO_TEST_CASE(without_a_file_fifty_that_fall_within_a_minute_are_a_handful_of_messages) {
  DeskBench bench(as_hubs_do());
  for (int i = 0; i < 50; ++i) bench.change("c" + std::to_string(i), State::secure, State::offline, 10 + i);
  bench.until(100);
  // Five alone, and then one each ten seconds.
  BOOST_TEST(bench.notices.size() == Desk::most_alone + 5);
  std::set<std::string> named;
  for (const auto& [channel, notice] : bench.notices) {
    if (!notice.client_id.empty()) named.insert(notice.client_id);
    named.insert(notice.clients.begin(), notice.clients.end());
  }
  BOOST_TEST(named.size() == 50U);
  // A quiet minute later one alone is told at once again.
  bench.change("x", State::secure, State::danger, 200);
  bench.until(200.25);
  BOOST_TEST(bench.told().back() == "x danger");
}

BOOST_AUTO_TEST_CASE(one_client_that_comes_and_goes_does_not_wait_for_others) {
  DeskBench bench(as_hubs_do());
  for (int i = 0; i < 20; ++i)
    bench.change("a", i % 2 == 0 ? State::secure : State::danger, i % 2 == 0 ? State::danger : State::secure, 10 + i);
  bench.until(29.25);
  BOOST_TEST(bench.notices.size() == 20U);
}

BOOST_AUTO_TEST_CASE(nobody_hears_of_a_recovery_before_the_danger) {
  DeskBench bench(as_hubs_do());
  for (int i = 0; i < 8; ++i) bench.change("c" + std::to_string(i), State::secure, State::danger, 10 + i);
  bench.until(17.5);
  const auto before = bench.notices.size();
  bench.change("c7", State::danger, State::secure, 17.6);
  bench.until(60);
  BOOST_REQUIRE(bench.notices.size() > before + 1);
  BOOST_TEST((bench.notices.back().second.kind == Notice::Kind::protected_again));
  BOOST_TEST((bench.notices.at(bench.notices.size() - 2).second.to == State::danger));
}

BOOST_AUTO_TEST_CASE(the_last_word_about_a_client_that_fell_again_while_its_recovery_waited_is_danger) {
  for (const bool joins : {true, false}) {
    DeskBench bench(joins ? as_hubs_do() : only(R"({"name":"r","on":"state","group_wait_s":60})"));
    const double step = joins ? 0.05 : 10;
    bench.change("a", State::secure, State::danger, 10);
    bench.change("a", State::danger, State::secure, 10 + step);
    bench.change("a", State::secure, State::danger, 10 + 2 * step);
    bench.until(200);
    BOOST_TEST(bench.told() == (Kinds{"a danger", "a protected_again", "a danger"}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(many_that_come_and_go_within_a_transaction_keep_their_order) {
  for (const auto& settings : {as_hubs_do(), only(R"({"name":"r","on":"state"})")}) {
    DeskBench bench(settings);
    bench.together([&] {
      for (const auto to : {State::danger, State::secure, State::danger, State::secure}) {
        for (int i = 0; i < 12; ++i) bench.event("c" + std::to_string(i), to == State::danger ? State::secure : State::danger, to, 0);
      }
    });
    bench.until(100);
    BOOST_REQUIRE(bench.notices.size() >= 4U);
    BOOST_TEST((bench.notices.front().second.to == State::danger));
    BOOST_TEST((bench.notices.back().second.to == State::secure));
  }
}

BOOST_AUTO_TEST_CASE(what_waits_for_others_outlives_a_kill_and_is_told_once) {
  DeskBench bench(as_hubs_do());
  for (int i = 0; i < 30; ++i) {
    bench.change("c" + std::to_string(i), State::secure, State::danger, 10 + i * 0.05);
    bench.restart(10 + i * 0.05);
  }
  bench.until(60);
  BOOST_TEST(bench.told() == Kinds{" together"}, boost::test_tools::per_element());
  BOOST_TEST(bench.notices[0].second.clients.size() == 30U);
}

BOOST_AUTO_TEST_CASE(those_that_fall_one_after_the_other_within_group_wait_are_one_message_and_one_alone_is_its_own) {
  DeskBench bench(only(R"({"name":"r","on":"state","group_wait_s":30})"));
  for (int i = 0; i < 60; ++i) bench.change("c" + std::to_string(i), State::secure, State::danger, i * 0.2);
  bench.change("x", State::secure, State::warning, 12);
  bench.until(100);
  BOOST_TEST(bench.told() == (Kinds{" together", "x warning"}), boost::test_tools::per_element());
  BOOST_TEST(bench.notices[0].second.clients.size() == 50U);
  BOOST_TEST(bench.notices[0].second.more_clients == 10U);
}

BOOST_AUTO_TEST_CASE(a_rule_hears_only_whom_and_what_it_is_about) {
  DeskBench bench({{rule_of(R"({"name":"f","on":"finding","findings":["process_*"],"channels":["f"]})"),
                    rule_of(R"({"name":"c","on":"state","clients":["office-*"],"channels":["c"]})"),
                    rule_of(R"({"name":"g","on":"group","groups":["berlin"],"channels":["g"]})"),
                    rule_of(R"({"name":"s","on":"silence","channels":["s"],"delay_s":60})")},
                   {"f", "c", "g", "s"}});
  bench.change("office-1", State::secure, State::danger, 0, "", {"process_outside"});
  bench.change("home", State::secure, State::danger, 1, "", {"default_route_outside"});
  bench.change("group:berlin", State::secure, State::danger, 2, "berlin");
  bench.change("home", State::danger, State::offline, 3);
  bench.until(100);
  BOOST_TEST(bench.told("f") == Kinds{"office-1 danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("c") == Kinds{"office-1 danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("g") == Kinds{"group:berlin danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("s") == Kinds{"home offline"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(exposure_is_told_when_it_has_lasted_over_several_dangers_of_one_incident) {
  DeskBench bench(only(R"({"name":"r","on":"exposure","exposed_s":60})"));
  bench.change("a", State::secure, State::danger, 0);
  bench.change("a", State::danger, State::warning, 40, "", {}, 40s);
  bench.until(1'000);
  BOOST_TEST(bench.told().empty());
  bench.change("a", State::warning, State::danger, 1'000, "", {}, 40s);
  bench.until(1'019);
  BOOST_TEST(bench.told().empty());
  bench.until(1'020);
  BOOST_TEST(bench.told() == Kinds{"a exposure"}, boost::test_tools::per_element());
  bench.change("a", State::danger, State::secure, 1'030, "", {}, 70s);
  BOOST_TEST(bench.told() == (Kinds{"a exposure", "a protected_again"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_address_that_changes_too_often_is_told_once_for_each_so_many_times) {
  DeskBench bench(only(R"({"name":"r","on":"address_changes","count":3,"window_minutes":10})"));
  for (const double time : {0., 400., 800., 1'200.}) bench.move("a", time);
  BOOST_TEST(bench.told().empty());
  bench.move("a", 1'250);
  BOOST_TEST(bench.told() == Kinds{"a address_flapping"}, boost::test_tools::per_element());
  bench.until(10'000);
  BOOST_TEST(bench.rows.empty());
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_by_hours_neither_loses_nor_repeats) {
  for (const auto step : {microseconds{5h}, microseconds{-5h}}) {
    DeskBench bench(only(R"({"name":"r","on":"state","delay_s":60,"remind_minutes":10})"));
    bench.change("a", State::secure, State::danger, 0);
    bench.until(30);
    bench.shift(step);
    const auto moved = static_cast<double>(step.count()) / 1e6;
    bench.until(moved + 59);
    BOOST_TEST(bench.told().empty());
    bench.until(moved + 61);
    BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
    bench.until(moved + 700);
    BOOST_TEST(bench.told() == (Kinds{"a danger", "a reminder"}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_while_the_hub_was_down_holds_nothing_back_for_hours) {
  DeskBench bench(only(R"({"name":"r","on":"state","delay_s":60})"));
  bench.change("a", State::secure, State::danger, 36'000);
  bench.restart(0);
  bench.until(61);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_transaction_that_fails_told_nothing_and_is_told_when_it_is_repeated) {
  DeskBench bench({{built_in_rule()}, {"phone"}});
  bench.fails = true;
  bench.change("a", State::secure, State::danger, 0);
  BOOST_TEST(bench.told().empty());
  bench.fails = false;
  bench.change("a", State::secure, State::danger, 0);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_gone_leaves_nothing_behind) {
  DeskBench bench(only(R"({"name":"r","on":"state","delay_s":60})"));
  bench.change("a", State::secure, State::danger, 0);
  BOOST_TEST(bench.rows.size() == 1U);
  bench.use(only(R"({"name":"other","on":"silence"})"), 10);
  bench.until(100);
  BOOST_TEST(bench.told().empty());
  BOOST_TEST(bench.rows.empty());
}

BOOST_AUTO_TEST_CASE(what_waits_to_be_told_together_goes_to_the_channels_that_the_rule_names_by_then) {
  DeskBench bench({{rule_of(R"({"name":"r","on":"state","group_wait_s":60,"channels":["phone"]})")}, {"phone"}});
  bench.change("a", State::secure, State::danger, 0);
  bench.use({{rule_of(R"({"name":"r","on":"state","group_wait_s":60,"channels":["mail"]})")}, {"mail"}}, 10);
  bench.until(100);
  BOOST_TEST(bench.told().empty());
  BOOST_TEST(bench.told("mail") == Kinds{"a danger"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_rule_names_who_is_told_of_those_that_are_there_and_all_when_none_is) {
  DeskBench bench({{rule_of(R"({"name":"r","on":"state","channels":["phone","gone"]})")}, {"phone", "mail"}});
  bench.change("a", State::secure, State::danger, 0);
  bench.use({{rule_of(R"({"name":"r","on":"state","channels":["phone","gone"]})")}, {"mail", "desk"}}, 10);
  bench.change("b", State::secure, State::danger, 20);
  BOOST_TEST(bench.told("phone") == Kinds{"a danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("mail") == Kinds{"b danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("desk") == Kinds{"b danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.told("gone").empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_is_forgotten_is_told_no_more) {
  DeskBench bench(only(R"({"name":"r","on":"state","remind_minutes":10})"));
  bench.change("a", State::secure, State::danger, 0);
  bench.forget("a", 10);
  bench.until(10'000);
  BOOST_TEST(bench.told() == Kinds{"a danger"}, boost::test_tools::per_element());
  BOOST_TEST(bench.rows.empty());
}

BOOST_AUTO_TEST_SUITE_END()
