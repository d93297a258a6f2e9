#include "hub/engine/alert_flow.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/engine/memory_store.hpp"

BOOST_AUTO_TEST_SUITE(alert_flow)

using namespace vpn_sentinel;

namespace {

std::vector<StoredAlert> add(Store& store, std::size_t count, const std::string& channel = "phone") {
  std::vector<StoredAlert> alerts(count);
  for (auto& alert : alerts) alert.channel = channel;
  BOOST_REQUIRE(store.begin().has_value());
  for (auto& alert : alerts) BOOST_REQUIRE(store.add_alert(alert).has_value());
  BOOST_REQUIRE(store.commit().has_value());
  return alerts;
}

}  // namespace

BOOST_AUTO_TEST_CASE(alerts_go_on_at_once_while_there_is_room) {
  test::MemoryStore store(std::make_shared<test::Shelf>());
  AlertFlow flow;
  BOOST_TEST(flow.admit(add(store, 3)).size() == 3U);
  BOOST_TEST(flow.refill(store).value().empty());
}

BOOST_AUTO_TEST_CASE(what_finds_no_room_follows_from_the_store_in_order) {
  test::MemoryStore store(std::make_shared<test::Shelf>());
  AlertFlow flow;
  BOOST_TEST(flow.admit(add(store, 1000)).size() == 1000U);
  BOOST_TEST(flow.admit(add(store, 5)).empty());
  BOOST_TEST(flow.refill(store).value().empty());
  for (int id = 1; id <= 500; ++id) flow.finished(id);
  BOOST_TEST(flow.admit(add(store, 5)).empty());
  const auto alerts = flow.refill(store).value();
  BOOST_REQUIRE_EQUAL(alerts.size(), 10U);
  BOOST_TEST(alerts.front().id == 1001);
  BOOST_TEST(alerts.back().id == 1010);
  BOOST_TEST(flow.admit(add(store, 1)).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_start_with_many_waiting_alerts_takes_a_part) {
  test::MemoryStore store(std::make_shared<test::Shelf>());
  add(store, 1500);
  AlertFlow flow;
  BOOST_TEST(flow.load(store).value().size() == 1000U);
  for (int id = 1; id <= 1000; ++id) flow.finished(id);
  BOOST_TEST(flow.refill(store).value().size() == 500U);
}

BOOST_AUTO_TEST_CASE(a_channel_that_is_dead_holds_up_no_other) {
  test::MemoryStore store(std::make_shared<test::Shelf>());
  AlertFlow flow;
  BOOST_TEST(flow.admit(add(store, 1500, "dead")).size() == 1000U);
  BOOST_TEST(flow.admit(add(store, 2, "phone")).size() == 2U);
  flow.finished(1501);
  BOOST_TEST(flow.refill(store).value().empty());
  AlertFlow after_restart;
  BOOST_TEST(after_restart.load(store).value().size() == 1002U);
}

BOOST_AUTO_TEST_SUITE_END()
