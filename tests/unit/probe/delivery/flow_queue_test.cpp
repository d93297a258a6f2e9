#include "probe/delivery/flow_queue.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/delivery/flow_sender.hpp"
#include "probe/report/gzip.hpp"

BOOST_AUTO_TEST_SUITE(flow_queue)

using namespace vpn_sentinel;

namespace {

FlowBatch batch(const std::string& client, std::uint64_t seq, std::size_t rows = 1) {
  FlowBatch batch;
  batch.client_id = client;
  batch.boot_id = "b";
  batch.seq = seq;
  batch.interval_s = 10;
  batch.flows.resize(rows);
  for (auto& row : batch.flows) row.protocol = "tcp";
  return batch;
}

}  // namespace

BOOST_AUTO_TEST_CASE(batches_of_one_client_go_one_by_one_in_their_order) {
  FlowQueue queue;
  queue.push(batch("a", 1));
  queue.push(batch("a", 2));
  queue.push(batch("b", 1));
  auto first = queue.take().value();
  BOOST_TEST(first.seq == 1U);
  BOOST_TEST(queue.take().value().client_id == "b");
  BOOST_TEST(!queue.take().has_value());
  queue.done(first, true);
  BOOST_TEST(queue.take().value().seq == 1U);
  queue.done(first, false);
  BOOST_TEST(queue.take().value().seq == 2U);
}

BOOST_AUTO_TEST_CASE(the_oldest_go_when_there_is_no_room_and_the_next_batch_of_their_client_says_so) {
  FlowQueue queue;
  queue.push(batch("b", 1));
  for (std::uint64_t seq = 1; seq <= FlowQueue::most_batches; ++seq) queue.push(batch("a", seq));
  BOOST_TEST(queue.dropped() == 1U);
  queue.push(batch("b", 2));
  BOOST_TEST(queue.dropped() == 2U);
  const auto of_a = queue.take().value();
  BOOST_TEST(of_a.seq == 2U);
  BOOST_TEST(of_a.gaps.batches == 0U);
  const auto of_b = queue.take().value();
  BOOST_TEST(of_b.seq == 2U);
  BOOST_TEST(of_b.gaps.batches == 1U);
  queue.push(batch("a", 1'000));
  queue.done(of_a, false);
  for (std::uint64_t seq = 3; seq <= FlowQueue::most_batches; ++seq) queue.done(queue.take().value(), false);
  BOOST_TEST(queue.take().value().gaps.batches == 1U);
}

BOOST_AUTO_TEST_CASE(large_batches_make_fewer_fit) {
  FlowQueue queue;
  for (std::uint64_t seq = 1; seq <= 100; ++seq) queue.push(batch("a", seq, FlowQueue::most_rows / 10));
  BOOST_TEST(queue.waiting() == 10U);
  queue.push(batch("a", 101, FlowQueue::most_rows * 2));
  BOOST_TEST(queue.waiting() == 1U);
  // What was told of lost ones by those that were lost is told on.
  const auto told = queue.take().value().gaps.batches;
  queue.push(batch("a", 102));
  queue.done(batch("a", 101, 1), false);
  BOOST_TEST(told + queue.take().value().gaps.batches == 100U);
}

BOOST_AUTO_TEST_CASE(what_the_hub_refuses_is_told_and_a_client_that_is_forgotten_leaves_nothing) {
  FlowQueue queue;
  queue.push(batch("a", 1));
  const auto first = queue.take().value();
  queue.refused("a");
  queue.done(first, false);
  queue.push(batch("a", 2));
  queue.push(batch("b", 1));
  queue.forget("a");
  BOOST_TEST(queue.waiting() == 1U);
  queue.push(batch("a", 3));
  static_cast<void>(queue.take());
  BOOST_TEST(queue.take().value().gaps.batches == 0U);
}

BOOST_AUTO_TEST_CASE(a_batch_that_would_be_too_long_loses_rows_and_says_so) {
  auto large = batch("a", 1, most_batch_flows);
  std::uint64_t number = 1;
  for (auto& row : large.flows) {
    for (int i = 0; i < 12; ++i) row.program += std::to_string(number = number * 6364136223846793005U + 1442695040888963407U).substr(0, 16);
  }
  const auto packed = packed_batch(large);
  BOOST_TEST(packed.size() <= most_packed_batch_bytes);
  const auto sent = decode_flow_batch(nlohmann::json::parse(gunzipped(packed, most_flow_batch_bytes).value())).value();
  BOOST_TEST(!sent.flows.empty());
  BOOST_TEST(sent.flows.size() + sent.gaps.lost == most_batch_flows);
}

BOOST_AUTO_TEST_SUITE_END()
