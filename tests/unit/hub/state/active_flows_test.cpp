#include "hub/state/active_flows.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(active_flows)

using namespace vpn_sentinel;
using test::at;

namespace {

FlowBatch batch(const std::string& client, WallTime when, std::size_t open, std::size_t closed = 0) {
  FlowBatch batch;
  batch.client_id = client;
  batch.timestamp = when;
  batch.interval_s = 10;
  batch.flows.resize(open + closed);
  for (std::size_t i = 0; i < open; ++i) batch.flows[i].open = 1;
  return batch;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_newest_batch_of_each_client_counts_for_three_intervals) {
  ActiveFlows active;
  active.put(batch("b", at(0), 1), at(0));
  active.put(batch("a", at(5), 2, 7), at(5));
  BOOST_TEST_REQUIRE(active.all(at(6)).size() == 2U);
  BOOST_TEST(active.all(at(6))[0]->client_id == "a");
  BOOST_TEST(active.all(at(6))[0]->flows.size() == 2U);
  BOOST_TEST(active.all(at(30)).size() == 1U);
  BOOST_TEST(active.all(at(35)).empty());
}

BOOST_AUTO_TEST_CASE(what_comes_late_is_not_active_and_never_replaces_what_is_newer) {
  ActiveFlows active;
  active.put(batch("a", at(0), 1), at(100));
  BOOST_TEST(active.all(at(100)).empty());
  active.put(batch("a", at(100), 3), at(100));
  active.put(batch("a", at(90), 1), at(101));
  BOOST_TEST_REQUIRE(active.all(at(101)).size() == 1U);
  BOOST_TEST(active.all(at(101))[0]->flows.size() == 3U);
}

BOOST_AUTO_TEST_CASE(without_room_the_client_with_most_rows_is_left_out_and_told) {
  ActiveFlows active;
  active.put(batch("a", at(0), ActiveFlows::most_rows), at(0));
  active.put(batch("b", at(0), 1), at(0));
  BOOST_TEST(active.left_out(at(1)) == 1U);
  BOOST_TEST_REQUIRE(active.all(at(1)).size() == 1U);
  BOOST_TEST(active.all(at(1))[0]->client_id == "b");
  // With as many rows as everybody has, nobody is pushed out.
  active.put(batch("a", at(1), ActiveFlows::most_rows - 1), at(1));
  active.put(batch("c", at(1), ActiveFlows::most_rows - 1), at(1));
  BOOST_TEST(active.all(at(2)).size() == 2U);
  BOOST_TEST(active.left_out(at(2)) == 1U);
  // The first two have gone silent.
  active.put(batch("c", at(40), 1), at(40));
  BOOST_TEST(active.left_out(at(40)) == 0U);
}

BOOST_AUTO_TEST_CASE(however_long_its_interval_a_silent_client_is_not_active_for_long) {
  ActiveFlows active;
  auto slow = batch("slow", at(0), 1);
  slow.interval_s = 3'600;
  active.put(slow, at(0));
  auto liar = batch("liar", at(0), 1);
  liar.interval_s = 86'400;
  active.put(liar, at(0));
  BOOST_TEST(active.all(at(4'199)).size() == 2U);
  BOOST_TEST(active.all(at(4'200)).empty());
}

BOOST_AUTO_TEST_CASE(seats_are_bounded_and_that_somebody_has_none_is_told) {
  ActiveFlows active;
  for (std::size_t i = 0; i <= ActiveFlows::most_seats; ++i) active.put(batch("c" + std::to_string(i), at(i == 7 ? 0 : 1), 0), at(1));
  BOOST_TEST(active.all(at(2)).size() == ActiveFlows::most_seats);
  BOOST_TEST(active.left_out(at(2)) == 1U);
  const auto batches = active.all(at(2));
  BOOST_TEST(std::ranges::count_if(batches, [](const auto& each) { return each->client_id == "c7"; }) == 0);
  BOOST_TEST(active.left_out(at(32)) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
