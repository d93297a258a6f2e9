/// The contract of stores: what housekeeping removes.
#include <algorithm>

#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

void housekeeping_removes_what_is_old_and_keeps_the_rest(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  BOOST_TEST(take(store->add_report(report("a", "b", 2, State::secure, at(100)))));
  check(store->add_change(change_of("a", State::secure, at(0))));
  auto old = alert("old", at(0));
  auto young = alert("young", at(100));
  check(store->add_alert(old));
  check(store->add_alert(young));
  check(store->mark_alert_delivered(old.id, at(1)));
  check(store->commit());
  BOOST_TEST(!take(store->maintain(keeping(at(50)))));
  BOOST_TEST((pending(*store) == std::vector<std::string>{"young"}));
  BOOST_TEST(changes_of(*store, "a", 10).size() == 1U);
  BOOST_TEST(take(take(store->open_reader())->reports({"a"})).items.size() == 1U);
  check(store->begin());
  BOOST_TEST(!take(store->add_report(report("a", "b", 2, State::secure, at(100)))));
  BOOST_TEST(!take(store->add_report(report("a", "b", 1, State::secure, at(0)))));  // it is gone, and known all the same
  check(store->commit());
}

void housekeeping_keeps_an_alert_that_still_waits_however_old_it_is(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto tried = alert("tried");
  auto untried = alert("untried");
  auto finished = alert("finished");
  auto hopeless = alert("hopeless");
  check(store->begin());
  for (auto* message : {&tried, &untried, &finished, &hopeless}) check(store->add_alert(*message));
  check(store->mark_alert_failed(tried.id, "no network", false));
  check(store->mark_alert_delivered(finished.id, at(1)));
  check(store->mark_alert_failed(hopeless.id, "bad text", true));
  check(store->commit());
  BOOST_TEST(!take(store->maintain(keeping(at(1'000'000)))));
  BOOST_TEST((pending(*store) == std::vector<std::string>{"tried", "untried"}));
  check(store->begin());
  check(store->mark_alert_delivered(tried.id, at(1'000'000)));
  check(store->commit());
  BOOST_TEST((pending(*store) == std::vector<std::string>{"untried"}));
}

void a_removed_client_is_no_client_any_more_and_its_history_goes_with_the_rest(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  const auto change = change_of("a", State::secure, at(0));
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->add_change(change));
  check(store->save_client(change.client));
  check(store->commit());
  check(store->begin());
  check(store->remove_client("a"));
  check(store->remove_client("nobody"));
  check(store->commit());
  BOOST_TEST(take(store->load_clients()).empty());
  BOOST_TEST(changes_of(*store, "a", 10).size() == 1U);
  while (take(store->maintain(keeping(at(0) + std::chrono::hours{24 * 400})))) {
  }
  BOOST_TEST(changes_of(*store, "a", 10).empty());
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->save_client(change.client));
  check(store->commit());
  BOOST_TEST(take(store->load_clients()).size() == 1U);
}

void what_goes_by_age_is_rolled_up_before(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::danger, at(0)))));
  check(store->commit());
  auto retention = keeping(at(50));
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(take(take(store->open_reader())->reports({"a"})).items.empty());
  BOOST_TEST(samples_of(*store, "a", Resolution::hour).size() == 1U);
  retention.now = at(0) + std::chrono::hours{24 * 366 * 3};
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(samples_of(*store, "a", Resolution::minute).empty());
  BOOST_TEST(samples_of(*store, "a", Resolution::hour).empty());
  BOOST_TEST(samples_of(*store, "a", Resolution::day).at(0).at("danger_s") == 30.0);
}

void reports_stamped_in_the_future_do_not_keep_old_ones(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  const auto wrong_clock = at(0) + std::chrono::hours{24 * 3650};
  std::uint64_t seq = 0;
  for (int i = 0; i < 5'000; ++i) BOOST_TEST(take(store->add_report(report("a", "b", ++seq, State::secure, wrong_clock))));
  for (int i = 0; i < 10; ++i) BOOST_TEST(take(store->add_report(report("a", "b", ++seq, State::secure, at(0)))));
  BOOST_TEST(take(store->add_report(report("a", "b", ++seq, State::secure, at(100)))));
  check(store->commit());
  while (take(store->maintain(keeping(at(50))))) continue;
  const auto left = take(take(store->open_reader())->reports({"a"})).items;
  BOOST_REQUIRE_EQUAL(left.size(), 1U);
  BOOST_TEST(left[0].at("seq") == seq);
}

void seqs_left(Store& store, const json& expected) {
  auto seqs = json::array();
  for (const auto& left : take(take(store.open_reader())->reports({"a"})).items) seqs.push_back(left.at("seq"));
  std::sort(seqs.begin(), seqs.end());
  BOOST_TEST(seqs == expected);
}

void a_clock_that_was_in_the_past_takes_no_true_history_along(const StoreFactory& factory) {
  for (const auto wrong_clock : {WallTime{} + std::chrono::hours{1}, at(0) - std::chrono::hours{24 * 90}}) {
    const auto open = factory.fresh();
    auto store = open();
    // Old, true and young, stamped by a wrong clock, true and young.
    add_and_roll_up(*store, {report("a", "b", 1, State::secure, at(0)), report("a", "b", 2, State::secure, at(60)),
                             report("a", "b", 3, State::secure, wrong_clock), report("a", "b", 4, State::secure, at(100))});
    while (take(store->maintain(keeping(at(50))))) continue;
    seqs_left(*store, {2, 3, 4});
    while (take(store->maintain(keeping(at(200))))) continue;
    seqs_left(*store, json::array());
  }
}

void what_an_unset_clock_stamped_first_goes_with_what_came_after_it(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add_and_roll_up(*store, {report("a", "b", 1, State::secure, WallTime{}), report("a", "b", 2, State::secure, at(60))});
  while (take(store->maintain(keeping(at(50))))) continue;
  seqs_left(*store, {1, 2});
  add_and_roll_up(*store, {report("a", "b", 3, State::secure, at(100))});
  while (take(store->maintain(keeping(at(80))))) continue;
  seqs_left(*store, {3});
}

void nothing_is_too_old_for_a_clock_that_is_doubted_or_behind_the_newest_report(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add_and_roll_up(*store, {report("a", "b", 1, State::secure, at(0)), report("a", "b", 2, State::secure, keeping(at(5000)).now)});
  auto doubted = keeping(at(10'000));
  doubted.by_age = false;
  BOOST_TEST(!take(store->maintain(doubted)));
  BOOST_TEST(!take(store->maintain(keeping(at(50)))));
  seqs_left(*store, {1, 2});
  while (take(store->maintain(keeping(at(5000))))) continue;
  seqs_left(*store, {2});
}

void a_limit_on_the_size_removes_the_oldest_reports_first_and_never_what_waits(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto waits = alert("waits");
  check(store->begin());
  const auto change = change_of("a", State::danger, at(0));
  check(store->add_change(change));
  check(store->save_client(change.client));
  check(store->add_alert(waits));
  for (std::uint64_t seq = 1; seq <= 6'000; ++seq) BOOST_TEST(take(store->add_report(report("a", "b", seq, State::secure, at(0)))));
  check(store->commit());
  Retention retention;
  retention.now = at(100);
  retention.most_bytes = 1'000'000;
  while (take(store->maintain(retention))) continue;
  while (take(store->roll_up())) continue;
  ReportQuery question{"a"};
  question.most = largest_page;
  const auto left = take(take(store->open_reader())->reports(question)).items;
  BOOST_TEST(!left.empty());
  BOOST_TEST(left[0].at("seq") == 6'000);
  BOOST_TEST(samples_of(*store, "a", Resolution::day).at(0).at("reports") == 6'000);
  BOOST_TEST(changes_of(*store, "a", 10).size() == 1U);
  retention.most_bytes = 1;
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(take(take(store->open_reader())->reports(question)).items.empty());
  BOOST_TEST(pending(*store) == std::vector<std::string>{"waits"}, boost::test_tools::per_element());
  BOOST_TEST(take(store->load_clients()).size() == 1U);
}

}  // namespace

std::vector<ContractCase> removal_contract() {
#define CASE(name) \
  { #name, name }
  return {
      CASE(housekeeping_removes_what_is_old_and_keeps_the_rest),
      CASE(housekeeping_keeps_an_alert_that_still_waits_however_old_it_is),
      CASE(a_removed_client_is_no_client_any_more_and_its_history_goes_with_the_rest),
      CASE(what_goes_by_age_is_rolled_up_before),
      CASE(reports_stamped_in_the_future_do_not_keep_old_ones),
      CASE(a_clock_that_was_in_the_past_takes_no_true_history_along),
      CASE(what_an_unset_clock_stamped_first_goes_with_what_came_after_it),
      CASE(nothing_is_too_old_for_a_clock_that_is_doubted_or_behind_the_newest_report),
      CASE(a_limit_on_the_size_removes_the_oldest_reports_first_and_never_what_waits),
  };
#undef CASE
}

}  // namespace vpn_sentinel::test
