#include "probe/delivery/lane.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(lane)

BOOST_AUTO_TEST_CASE(pauses_double_from_half_a_second_to_half_a_minute_with_jitter) {
  boost::asio::io_context io;
  Lane one(io, true);
  MonoTime now{};
  long step = 500;
  for (int i = 0; i < 12; ++i) {
    const auto pause = one.pause(std::nullopt, now);
    BOOST_TEST((pause.count() >= step / 2 && pause.count() <= step), "try " << i << ": " << pause.count() << " ms of " << step);
    BOOST_TEST(!one.demanded_wait);
    step = std::min(step * 2, 30'000L);
    now += pause;
  }
  one.backoff.reset();
  BOOST_TEST(one.pause(std::nullopt, now).count() <= 500);
}

BOOST_AUTO_TEST_CASE(what_the_hub_demands_is_the_least_and_spread_a_little) {
  boost::asio::io_context io;
  Lane one(io, false);
  MonoTime now{};
  for (int i = 0; i < 50; ++i) {
    const auto pause = one.pause(milliseconds{60'000}, now);
    BOOST_TEST((pause.count() >= 60'000 && pause.count() < 90'000));
    BOOST_TEST(one.demanded_wait);
    now += pause;
  }
  BOOST_TEST(one.pause(milliseconds{0}, now).count() >= 15'000);  // its own back-off has grown beyond
  BOOST_TEST(!one.demanded_wait);
}

BOOST_AUTO_TEST_CASE(a_try_before_its_time_that_fails_leaves_the_plan_as_it_was) {
  boost::asio::io_context io;
  Lane one(io, true);
  const MonoTime start{};
  const auto first = one.pause(std::nullopt, start);
  for (const auto early : {milliseconds{10}, milliseconds{100}, first - milliseconds{1}}) {
    one.prompted = true;
    BOOST_TEST((one.pause(std::nullopt, start + early) == first - early));
  }
  one.prompted = true;  // too late to be early: the next step of the back-off
  const auto second = one.pause(std::nullopt, start + first);
  BOOST_TEST((second.count() >= 500 && second.count() <= 1000));
}

BOOST_AUTO_TEST_SUITE_END()
