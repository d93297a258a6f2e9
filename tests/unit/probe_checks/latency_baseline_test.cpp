#include "probe/checks/latency_baseline.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  LatencyBaseline baseline{50, 5ms, 16};

  void tunnel(std::chrono::microseconds round_trip, int times) {
    for (int i = 0; i < times; ++i) baseline.tunnel_answered(round_trip + std::chrono::microseconds{37 * (i % 5)});
  }
  void path(std::chrono::microseconds round_trip, int times) {
    for (int i = 0; i < times; ++i) baseline.path_answered(round_trip + std::chrono::microseconds{41 * (i % 7)});
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(latency_baseline, Fixture)

BOOST_AUTO_TEST_CASE(the_same_way_is_no_drop) {
  tunnel(40ms, 16);
  path(40ms, 3);
  BOOST_TEST(!baseline.drop());
}

BOOST_AUTO_TEST_CASE(packets_that_come_back_much_sooner_than_the_tunnels_own_are_told) {
  tunnel(40ms, 16);
  path(4ms, 3);
  const auto drop = baseline.drop();
  BOOST_REQUIRE(drop.has_value());
  BOOST_TEST(drop->beside_tunnel);
  BOOST_TEST((drop->reference == 40ms));
  BOOST_TEST((drop->path < 5ms));
}

BOOST_AUTO_TEST_CASE(one_slow_answer_among_the_newest_is_enough_to_doubt) {
  tunnel(40ms, 16);
  path(4ms, 2);
  path(39ms, 1);
  BOOST_TEST(!baseline.drop());
  path(4ms, 3);
  BOOST_TEST(baseline.drop().has_value());
}

BOOST_AUTO_TEST_CASE(one_fast_answer_of_the_tunnel_is_enough_to_doubt) {
  tunnel(40ms, 10);
  tunnel(4ms, 1);
  tunnel(40ms, 5);
  path(4ms, 3);
  BOOST_TEST(!baseline.drop());
}

BOOST_AUTO_TEST_CASE(a_nearer_server_makes_both_faster_and_is_no_drop) {
  tunnel(80ms, 16);
  path(80ms, 64);
  tunnel(10ms, 16);
  path(10ms, 3);
  BOOST_TEST(!baseline.drop());
}

BOOST_AUTO_TEST_CASE(a_few_milliseconds_are_noise_whatever_their_share) {
  tunnel(3ms, 16);
  path(500us, 3);
  BOOST_TEST(!baseline.drop());
}

BOOST_AUTO_TEST_CASE(without_the_tunnels_own_round_trips_the_past_of_the_same_way_is_the_reference) {
  path(40ms, 23);
  path(4ms, 3);
  BOOST_TEST(!baseline.drop());  // 23 samples are no past
  LatencyBaseline longer{50, 5ms, 16};
  for (int i = 0; i < 40; ++i) longer.path_answered(40ms);
  for (int i = 0; i < 3; ++i) longer.path_answered(4ms);
  BOOST_REQUIRE(longer.drop().has_value());
  BOOST_TEST(!longer.drop()->beside_tunnel);
}

BOOST_AUTO_TEST_CASE(what_lasts_becomes_the_past) {
  path(40ms, 64);
  path(4ms, 3);
  BOOST_TEST(baseline.drop().has_value());
  path(4ms, 12);
  BOOST_TEST(!baseline.drop());
}

BOOST_AUTO_TEST_CASE(after_a_change_of_the_network_nothing_is_said_before_both_ways_have_answered_again) {
  tunnel(40ms, 16);
  path(4ms, 3);
  baseline.network_changed();
  BOOST_TEST(!baseline.drop());
  path(4ms, 3);
  BOOST_TEST(!baseline.drop());
  tunnel(40ms, 4);
  BOOST_TEST(!baseline.drop());
  tunnel(40ms, 1);
  BOOST_TEST(baseline.drop().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
