#include "netns/monitor/change_gate.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

const MonoTime start = MonoTime{} + 1h;

/// How many of one change per `step` are told within `time`.
int told(ChangeGate& gate, MonoTime from, std::chrono::microseconds step, std::chrono::microseconds time) {
  int calls = 0;
  for (auto now = from; now < from + time; now += step) {
    gate.add({now, Telling::path, "change", false});
    if (gate.take(now)) ++calls;
  }
  return calls;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(change_gate)

BOOST_AUTO_TEST_CASE(what_comes_seldom_passes_at_once) {
  ChangeGate gate;
  BOOST_TEST(!gate.take(start).has_value());
  BOOST_TEST(told(gate, start, 10ms, 10s) == 1000);
  BOOST_TEST(!gate.again_in().has_value());
}

BOOST_AUTO_TEST_CASE(a_flood_becomes_few_calls_and_its_end_is_told) {
  ChangeGate gate;
  const auto calls = told(gate, start, 5us, 1s);
  BOOST_TEST(calls >= 64 + 199);
  BOOST_TEST(calls <= 64 + 201);
  const auto wait = gate.again_in();
  BOOST_TEST_REQUIRE(wait.has_value());
  BOOST_TEST((*wait <= ChangeGate::pace));
  BOOST_TEST(gate.take(start + 1s + *wait).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_held_back_is_told_by_its_most_telling_cause_and_first_time) {
  ChangeGate gate;
  (void)told(gate, start, 1us, 1ms);
  (void)gate.take(start + 5ms);
  gate.add({start + 6ms, Telling::detail, "first", false});
  gate.add({start + 7ms, Telling::link_lost, "link wg0 down", true});
  gate.add({start + 8ms, Telling::link_lost, "link eth0 down", false});
  BOOST_TEST(!gate.take(start + 8ms).has_value());
  const auto change = gate.take(start + 20ms);
  BOOST_TEST_REQUIRE(change.has_value());
  BOOST_TEST((change->received == start + 6ms));
  BOOST_TEST(change->cause == "link wg0 down");
  BOOST_TEST(change->resynchronised);
  BOOST_TEST(!gate.take(start + 1h).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
