#include "tests/unit/hub/store/store_contract.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel::test {
namespace {

using nlohmann::json;

template <typename T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
  return std::move(*result);
}

void check(const Result<void>& result) { BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message)); }

Change change_of(const std::string& client_id, State state, WallTime when) {
  Fleet fleet{FleetPolicy{}};
  return fleet.apply(report(client_id, "b", 1, state, when)).at(0);
}

StoredAlert alert(const std::string& text, WallTime when = at(0)) { return {0, "telegram", text, when, 0}; }

std::vector<std::string> pending(Store& store, std::int64_t after = 0, std::size_t most = 100) {
  std::vector<std::string> texts;
  for (const auto& waiting : take(store.load_pending_alerts(after, most))) texts.push_back(waiting.text);
  return texts;
}

json changes_of(Store& store, const std::string& client_id, std::size_t most) {
  HistoryQuery question;
  question.client_id = client_id;
  question.most = most;
  return take(take(store.open_reader())->history(question)).items;
}

void what_was_committed_is_there_after_reopening(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto change = change_of("a", State::danger, at(0));
  {
    auto store = open();
    check(store->begin());
    BOOST_TEST(take(store->add_report(report("a", "b", 1, State::danger, at(0)))));
    check(store->add_change(change));
    check(store->save_client(change.client));
    auto message = alert("danger");
    check(store->add_alert(message));
    BOOST_TEST(message.id > 0);
    check(store->commit());
  }
  auto store = open();
  BOOST_TEST((take(store->load_clients()) == std::vector{change.client}));
  BOOST_TEST(pending(*store) == std::vector<std::string>{"danger"}, boost::test_tools::per_element());
  BOOST_TEST(changes_of(*store, "a", 10).size() == 1U);
}

void what_was_rolled_back_never_was(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  const auto change = change_of("a", State::secure, at(0));
  check(store->add_change(change));
  check(store->save_client(change.client));
  auto message = alert("x");
  check(store->add_alert(message));
  store->rollback();
  BOOST_TEST(take(store->load_clients()).empty());
  BOOST_TEST(pending(*store).empty());
  BOOST_TEST(changes_of(*store, "a", 10).empty());
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->commit());
}

void what_was_not_committed_is_gone_after_reopening(const StoreFactory& factory) {
  const auto open = factory.fresh();
  {
    auto store = open();
    check(store->begin());
    BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  }
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->commit());
}

void a_report_is_stored_once_per_client_boot_and_number(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  BOOST_TEST(!take(store->add_report(report("a", "b", 1, State::danger, at(5)))));
  BOOST_TEST(take(store->add_report(report("a", "b", 2, State::secure, at(0)))));
  BOOST_TEST(take(store->add_report(report("a", "c", 1, State::secure, at(0)))));
  BOOST_TEST(take(store->add_report(report("z", "b", 1, State::secure, at(0)))));
  check(store->commit());
  store.reset();
  store = open();
  check(store->begin());
  BOOST_TEST(!take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->commit());
}

void reports_without_a_boot_are_all_stored(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(original("a", State::secure, at(0)))));
  BOOST_TEST(take(store->add_report(original("a", State::secure, at(0)))));
  check(store->commit());
}

void a_client_has_one_state_the_latest(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  check(store->save_client(change_of("b", State::secure, at(0)).client));
  check(store->save_client(change_of("a", State::secure, at(0)).client));
  check(store->save_client(change_of("a", State::danger, at(9)).client));
  check(store->commit());
  const auto clients = take(store->load_clients());
  BOOST_REQUIRE_EQUAL(clients.size(), 2U);
  BOOST_TEST((clients[0] == change_of("a", State::danger, at(9)).client));
  BOOST_TEST(clients[1].client_id == "b");
}

void a_clients_last_number_is_that_of_its_newest_stored_report(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  check(store->save_client(change_of("a", State::secure, at(0)).client));
  BOOST_TEST(take(store->add_report(report("a", "b", 7, State::secure, at(9)))));
  BOOST_TEST(take(store->add_report(report("a", "other", 50, State::secure, at(9)))));
  check(store->commit());
  BOOST_TEST(take(store->load_clients()).at(0).last_report.seq == 7U);
}

void changes_come_newest_first_and_only_of_their_client(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  check(store->add_change(change_of("a", State::secure, at(0))));
  check(store->add_change(change_of("b", State::secure, at(1))));
  check(store->add_change(change_of("a", State::danger, at(2))));
  check(store->commit());
  const auto changes = changes_of(*store, "a", 10);
  BOOST_REQUIRE_EQUAL(changes.size(), 2U);
  BOOST_TEST(changes[0].at("to") == "danger");
  BOOST_TEST(changes[0].at("at") == "2026-11-21T10:00:02.000000Z");
  BOOST_TEST(changes[0].at("kind") == "connected");
  BOOST_TEST(changes[0].at("from").is_null());
  BOOST_TEST(changes[0].at("findings").at(0).at("code") == "default_route_outside");
  BOOST_TEST(changes[0].at("findings").at(0).contains("advice"));
  BOOST_TEST(changes[1].at("to") == "secure");
  BOOST_TEST(changes_of(*store, "a", 1).size() == 1U);
  BOOST_TEST(changes_of(*store, "nobody", 10).empty());
}

void an_alert_waits_until_it_is_delivered_or_given_up(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  std::vector<StoredAlert> alerts{alert("one"), alert("two"), alert("three")};
  check(store->begin());
  for (auto& message : alerts) check(store->add_alert(message));
  check(store->commit());
  BOOST_TEST(alerts[0].id < alerts[1].id);
  check(store->begin());
  check(store->mark_alert_delivered(alerts[0].id, at(1)));
  check(store->mark_alert_failed(alerts[1].id, "bad text", true));
  check(store->mark_alert_failed(alerts[2].id, "no network", false));
  check(store->commit());
  store.reset();
  store = open();
  const auto waiting = take(store->load_pending_alerts(0, 10));
  BOOST_REQUIRE_EQUAL(waiting.size(), 1U);
  BOOST_TEST(waiting[0].text == "three");
  BOOST_TEST(waiting[0].attempts == 1);
  BOOST_TEST((waiting[0].created == at(0)));
  BOOST_TEST(waiting[0].channel == "telegram");
}

void waiting_alerts_come_in_order_and_in_portions(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  std::vector<StoredAlert> alerts{alert("one"), alert("two"), alert("three")};
  check(store->begin());
  for (auto& message : alerts) check(store->add_alert(message));
  check(store->commit());
  BOOST_TEST((pending(*store, 0, 2) == std::vector<std::string>{"one", "two"}));
  BOOST_TEST((pending(*store, alerts[1].id, 2) == std::vector<std::string>{"three"}));
}

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
  check(store->begin());
  BOOST_TEST(!take(store->add_report(report("a", "b", 2, State::secure, at(100)))));
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
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

void any_text_survives(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto client = change_of("a", State::danger, at(0)).client;
  client.last_report.location = LocationReport{"RO", "Toruń '); DROP TABLE clients; --", "\"", "%s", "東京"};
  client.findings.at(0).evidence = {{"nested", {{"list", {1, nullptr, "x"}}}}};
  client.retired_boots = {"x", "y"};
  client.state_before_offline = State::warning;
  {
    auto store = open();
    check(store->begin());
    check(store->save_client(client));
    check(store->commit());
  }
  BOOST_TEST((take(open()->load_clients()).at(0) == client));
}

/// Stores the reports in a transaction and rolls them up.
void add_and_roll_up(Store& store, const std::vector<Admitted>& reports) {
  check(store.begin());
  for (const auto& admitted : reports) BOOST_TEST(take(store.add_report(admitted)));
  check(store.commit());
  while (take(store.roll_up())) continue;
}

json samples_of(Store& store, const std::string& client_id, Resolution resolution) {
  SampleQuery question;
  question.client_id = client_id;
  question.resolution = resolution;
  return take(take(store.open_reader())->samples(question)).items;
}

Admitted measured(Admitted admitted, double latency_ms, const std::string& exit) {
  admitted.report.latency_ms = latency_ms;
  return with_address(std::move(admitted), exit);
}

void reports_become_minutes_hours_and_days(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add_and_roll_up(*store, {measured(report("a", "b", 1, State::secure, at(0)), 10, "198.51.100.2"),
                           measured(report("a", "b", 2, State::danger, at(20)), 30, "198.51.100.3"),
                           measured(report("a", "b", 3, State::secure, at(50)), 20, "198.51.100.2"),
                           report("other", "b", 1, State::contained, at(10))});
  const auto minutes = samples_of(*store, "a", Resolution::minute);
  BOOST_REQUIRE_EQUAL(minutes.size(), 2U);
  const auto& first = minutes[0];
  BOOST_TEST(first.at("start") == "2026-11-21T10:00:00.000000Z");
  BOOST_TEST(first.at("length_s") == 60);
  BOOST_TEST(first.at("reports") == 3);
  BOOST_TEST(first.at("worst") == "danger");
  BOOST_TEST(first.at("secure_s") == 30.0);
  BOOST_TEST(first.at("danger_s") == 30.0);
  BOOST_TEST(first.at("unknown_s") == 0.0);
  BOOST_TEST(first.at("latency_ms").at("min") == 10.0);
  BOOST_TEST(first.at("latency_ms").at("mean") == 20.0);
  BOOST_TEST(first.at("latency_ms").at("max") == 30.0);
  BOOST_TEST((first.at("exits") == json{"198.51.100.2", "198.51.100.3"}));
  BOOST_TEST(minutes[1].at("reports") == 0);
  BOOST_TEST(minutes[1].at("secure_s") == 20.0);  // the lease of the last report
  BOOST_TEST(minutes[1].at("unknown_s") == 40.0);
  BOOST_TEST(minutes[1].at("worst") == "secure");
  for (const auto resolution : {Resolution::hour, Resolution::day}) {
    const auto coarse = samples_of(*store, "a", resolution);
    BOOST_REQUIRE_EQUAL(coarse.size(), 1U);
    BOOST_TEST(coarse[0].at("reports") == 3);
    BOOST_TEST(coarse[0].at("secure_s") == 50.0);
    BOOST_TEST(coarse[0].at("danger_s") == 30.0);
  }
  BOOST_TEST(samples_of(*store, "nobody", Resolution::hour).empty());
}

void roll_ups_do_not_depend_on_the_order_in_which_reports_arrive(const StoreFactory& factory) {
  std::vector<Admitted> reports;
  for (std::uint64_t seq = 1; seq <= 40; ++seq) {
    const auto state = seq % 5 == 0 ? State::danger : seq % 3 == 0 ? State::warning : State::secure;
    reports.push_back(measured(report("a", seq > 25 ? "second" : "first", seq, state, at(static_cast<double>(seq) * 17)),
                               static_cast<double>(seq), "198.51.100." + std::to_string(seq % 4)));
  }
  const auto in_order = factory.fresh();
  const auto shuffled = factory.fresh();
  auto expected = in_order();
  add_and_roll_up(*expected, reports);
  auto store = shuffled();
  const auto portion = [&](std::size_t step, std::size_t offset) {
    std::vector<Admitted> some;
    for (std::size_t i = offset; i < reports.size(); i += step) some.push_back(reports[i]);
    return some;
  };
  for (const std::size_t offset : {3U, 0U, 2U, 1U}) {
    auto some = portion(4, offset);
    if (offset == 2) std::reverse(some.begin(), some.end());
    add_and_roll_up(*store, some);
    if (offset == 0) store.reset(), store = shuffled();  // what was rolled up is known after a restart, too
  }
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) {
    BOOST_TEST(samples_of(*store, "a", resolution) == samples_of(*expected, "a", resolution));
  }
}

void a_roll_up_that_was_interrupted_counts_nothing_twice(const StoreFactory& factory) {
  const auto open = factory.fresh();
  {
    auto store = open();
    check(store->begin());
    for (std::uint64_t seq = 1; seq <= 1'500; ++seq) BOOST_TEST(take(store->add_report(report("a", "b", seq, State::secure, at(1)))));
    check(store->commit());
    BOOST_TEST(take(store->roll_up()));
  }
  auto store = open();
  while (take(store->roll_up())) continue;
  BOOST_TEST(!take(store->roll_up()));
  BOOST_TEST(samples_of(*store, "a", Resolution::day).at(0).at("reports") == 1'500);
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

void reports_are_read_page_by_page_within_a_range_newest_first(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    BOOST_TEST(take(store->add_report(report("a", seq % 2 == 0 ? "x" : "y", seq, State::secure, at(static_cast<double>(seq))))));
    BOOST_TEST(take(store->add_report(original("old", State::secure, at(static_cast<double>(seq))))));
  }
  check(store->commit());
  const auto reader = take(store->open_reader());
  ReportQuery question{"a", {at(3), at(9)}};
  question.most = 4;
  std::vector<int> seen;
  std::optional<std::int64_t> next;
  do {
    question.cursor = next.value_or(0);
    const auto page = take(reader->reports(question));
    BOOST_TEST(page.items.size() <= 4U);
    for (const auto& item : page.items) seen.push_back(item.at("seq").get<int>());
    next = page.next;
  } while (next);
  BOOST_TEST(seen == (std::vector<int>{8, 7, 6, 5, 4, 3}), boost::test_tools::per_element());
  const auto old = take(reader->reports({"old"})).items;
  BOOST_REQUIRE_EQUAL(old.size(), 10U);
  BOOST_TEST(old[0].at("source_address") == "192.0.2.7");
  BOOST_TEST(old[0].at("time") == "2026-11-21T10:00:10.000000Z");
  BOOST_TEST(old[0].contains("received"));
}

void changes_are_asked_for_by_range_kind_and_page(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  for (int second = 0; second < 6; ++second) {
    auto change = change_of("a", State::danger, at(second));
    if (second % 2 == 1) change.kind = Change::Kind::state_changed;
    check(store->add_change(change));
  }
  check(store->commit());
  const auto reader = take(store->open_reader());
  HistoryQuery question{"a", {at(1), at(5)}};
  BOOST_TEST(take(reader->history(question)).items.size() == 4U);
  question.kind = Change::Kind::state_changed;
  BOOST_TEST(take(reader->history(question)).items.size() == 2U);
  question.kind.reset();
  question.most = 3;
  const auto page = take(reader->history(question));
  BOOST_REQUIRE(page.next.has_value());
  question.cursor = *page.next;
  const auto last = take(reader->history(question));
  BOOST_TEST(last.items.size() == 1U);
  BOOST_TEST(!last.next.has_value());
  BOOST_TEST(last.items[0].at("at") == "2026-11-21T10:00:01.000000Z");
}

Incident incident(const std::string& client_id, double start, std::optional<double> end, State worst) {
  Incident incident;
  incident.client_id = client_id;
  incident.start = at(start);
  if (end) incident.end = at(*end);
  incident.worst = worst;
  incident.state = worst;
  incident.since = end ? *incident.end : incident.start;
  incident.findings = {finding("default_route_outside", Severity::danger, at(start))};
  return incident;
}

void incidents_are_saved_changed_removed_and_asked_for(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto first = incident("a", 10, 20, State::danger);
  auto second = incident("b", 15, std::nullopt, State::danger);
  auto third = incident("a", 30, std::nullopt, State::offline);
  auto gone = incident("a", 1, 2, State::warning);
  check(store->begin());
  for (auto* each : {&first, &second, &third, &gone}) check(store->save_incident(*each));
  check(store->commit());
  BOOST_TEST(first.id < second.id);
  check(store->begin());
  gone.client_id.clear();
  check(store->save_incident(gone));
  first.exposed = std::chrono::seconds{10};
  check(store->save_incident(first));
  check(store->commit());
  store.reset();
  store = open();
  BOOST_TEST((take(store->load_open_incidents()) == std::vector{second, third}));
  BOOST_TEST((take(store->load_incidents("a", at(20), at(25))) == std::vector{first}));
  const auto reader = take(store->open_reader());
  IncidentQuery question;
  question.now = at(35);
  const auto all = take(reader->incidents(question)).items;
  BOOST_REQUIRE_EQUAL(all.size(), 3U);
  BOOST_TEST(all[0].at("id") == third.id);
  BOOST_TEST(all[1].at("exposed_s") == 20.0);
  BOOST_TEST(all[1].at("open") == true);
  BOOST_TEST(all[1].at("end").is_null());
  BOOST_TEST(all[2].at("exposed_s") == 10.0);
  BOOST_TEST(all[2].at("worst") == "danger");
  BOOST_TEST(all[2].at("findings").at(0).contains("advice"));
  question.open_only = true;
  BOOST_TEST(take(reader->incidents(question)).items.size() == 2U);
  question.client_id = "a";
  BOOST_TEST(take(reader->incidents(question)).items.size() == 1U);
  question.open_only = false;
  question.range = {at(0), at(20)};
  BOOST_TEST(take(reader->incidents(question)).items.size() == 1U);
  question.range = {at(20), at(30)};
  BOOST_TEST(take(reader->incidents(question)).items.empty());
  question.range = {};
  question.most = 1;
  const auto page = take(reader->incidents(question));
  question.cursor = page.next.value();
  BOOST_TEST(take(reader->incidents(question)).items.at(0).at("id") == first.id);
}

void a_report_knows_its_neighbours_of_the_same_boot(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::danger, at(1)))));
  BOOST_TEST(take(store->add_report(report("a", "b", 9, State::secure, at(9)))));
  BOOST_TEST(take(store->add_report(report("a", "c", 4, State::secure, at(4)))));
  const auto found = take(store->load_neighbours(report("a", "b", 5, State::secure, at(5)).report));
  check(store->commit());
  BOOST_TEST((found.before == StoredReport{1, State::danger, at(1)}));
  BOOST_TEST((found.after == StoredReport{9, State::secure, at(9)}));
  BOOST_TEST((!take(store->load_neighbours(original("a", State::secure, at(5)).report)).before));
}

}  // namespace

const std::vector<ContractCase>& store_contract() {
#define CASE(name) \
  { #name, name }
  static const std::vector<ContractCase> cases{CASE(what_was_committed_is_there_after_reopening),
                                               CASE(what_was_rolled_back_never_was),
                                               CASE(what_was_not_committed_is_gone_after_reopening),
                                               CASE(a_report_is_stored_once_per_client_boot_and_number),
                                               CASE(reports_without_a_boot_are_all_stored),
                                               CASE(a_client_has_one_state_the_latest),
                                               CASE(a_clients_last_number_is_that_of_its_newest_stored_report),
                                               CASE(changes_come_newest_first_and_only_of_their_client),
                                               CASE(an_alert_waits_until_it_is_delivered_or_given_up),
                                               CASE(waiting_alerts_come_in_order_and_in_portions),
                                               CASE(housekeeping_removes_what_is_old_and_keeps_the_rest),
                                               CASE(housekeeping_keeps_an_alert_that_still_waits_however_old_it_is),
                                               CASE(a_removed_client_is_no_client_any_more_and_its_history_goes_with_the_rest),
                                               CASE(any_text_survives),
                                               CASE(reports_become_minutes_hours_and_days),
                                               CASE(roll_ups_do_not_depend_on_the_order_in_which_reports_arrive),
                                               CASE(a_roll_up_that_was_interrupted_counts_nothing_twice),
                                               CASE(what_goes_by_age_is_rolled_up_before),
                                               CASE(reports_stamped_in_the_future_do_not_keep_old_ones),
                                               CASE(a_limit_on_the_size_removes_the_oldest_reports_first_and_never_what_waits),
                                               CASE(reports_are_read_page_by_page_within_a_range_newest_first),
                                               CASE(changes_are_asked_for_by_range_kind_and_page),
                                               CASE(incidents_are_saved_changed_removed_and_asked_for),
                                               CASE(a_report_knows_its_neighbours_of_the_same_boot)};
#undef CASE
  return cases;
}

}  // namespace vpn_sentinel::test
