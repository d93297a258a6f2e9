// The contract of stores: what is durable, and what is told of clients, changes and alerts.
#include <algorithm>

#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

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
  const auto waiting = take(store->load_pending_alerts("telegram", 0, 10));
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

}  // namespace

#define CASE(name) \
  { #name, name }
const std::vector<ContractCase>& store_contract() {
  static const auto cases = [] {
    std::vector<ContractCase> all{
        CASE(what_was_committed_is_there_after_reopening),
        CASE(what_was_rolled_back_never_was),
        CASE(what_was_not_committed_is_gone_after_reopening),
        CASE(a_report_is_stored_once_per_client_boot_and_number),
        CASE(reports_without_a_boot_are_all_stored),
        CASE(a_client_has_one_state_the_latest),
        CASE(a_clients_last_number_is_that_of_its_newest_stored_report),
        CASE(changes_come_newest_first_and_only_of_their_client),
        CASE(an_alert_waits_until_it_is_delivered_or_given_up),
        CASE(waiting_alerts_come_in_order_and_in_portions),
        CASE(any_text_survives),
    };
    for (const auto& part : {removal_contract(), roll_up_contract(), query_contract(), numbers_contract(), kept_contract()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return cases;
}
#undef CASE

}  // namespace vpn_sentinel::test
