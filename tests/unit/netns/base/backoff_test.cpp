#include "netns/base/backoff.hpp"

#include <boost/test/unit_test.hpp>

using std::chrono::milliseconds;
using vpn_sentinel::Backoff;

BOOST_AUTO_TEST_SUITE(backoff)

BOOST_AUTO_TEST_CASE(the_pause_doubles_until_it_reaches_the_most) {
  Backoff pauses{milliseconds{100}, milliseconds{350}};
  BOOST_TEST(pauses.next(0).count() == 50);
  BOOST_TEST(pauses.next(0).count() == 100);
  BOOST_TEST(pauses.next(0).count() == 175);
  BOOST_TEST(pauses.next(0).count() == 175);
}

BOOST_AUTO_TEST_CASE(the_random_number_spreads_pauses_over_the_second_half_of_the_step) {
  BOOST_TEST((Backoff{milliseconds{100}, milliseconds{100}}.next(0).count()) == 50);
  BOOST_TEST((Backoff{milliseconds{100}, milliseconds{100}}.next(0.5).count()) == 75);
  BOOST_TEST((Backoff{milliseconds{100}, milliseconds{100}}.next(0.999).count()) == 99);
}

BOOST_AUTO_TEST_CASE(reset_starts_again_with_the_first_pause) {
  Backoff pauses{milliseconds{100}, milliseconds{1000}};
  for (int i = 0; i < 5; ++i) pauses.next(0);
  pauses.reset();
  BOOST_TEST(pauses.next(0).count() == 50);
}

BOOST_AUTO_TEST_SUITE_END()
