#include "hub/alert/detector.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

BOOST_AUTO_TEST_SUITE(detector)

using namespace vpn_sentinel;

namespace {

LatencySeries usual() {
  LatencySeries series;
  for (int i = 0; i < 60; ++i) series.add(20 + i % 5);
  return series;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_is_said_before_enough_is_known) {
  LatencySeries series;
  for (std::size_t i = 0; i + 1 < LatencySeries::least + LatencySeries::newest; ++i) series.add(20);
  BOOST_TEST(!series.verdict(6).has_value());
  series.add(20);
  BOOST_TEST(!series.verdict(6).value().deviates);
}

BOOST_AUTO_TEST_CASE(one_value_of_any_size_is_no_deviation_and_several_are) {
  auto series = usual();
  series.add(5'000);
  series.add(std::numeric_limits<double>::infinity());
  series.add(-1);
  BOOST_TEST(!series.verdict(6).value().deviates);
  series.add(90);
  series.add(95);
  const auto verdict = series.verdict(6).value();
  BOOST_TEST(verdict.deviates);
  BOOST_TEST(verdict.usual_ms == 22);
  BOOST_TEST(verdict.now_ms == 90);
}

BOOST_AUTO_TEST_CASE(a_latency_that_is_far_too_low_deviates_too) {
  auto series = usual();
  for (int i = 0; i < 5; ++i) series.add(1);
  BOOST_TEST(series.verdict(6).value().deviates);
}

BOOST_AUTO_TEST_CASE(a_steady_latency_allows_a_millisecond_more_or_less) {
  LatencySeries series;
  for (int i = 0; i < 60; ++i) series.add(10);
  for (int i = 0; i < 5; ++i) series.add(14);
  BOOST_TEST(!series.verdict(6).value().deviates);
}

BOOST_AUTO_TEST_CASE(only_the_last_reports_count) {
  RecentCount count;
  for (int i = 0; i < 20; ++i) count.add(i < 12, 10);
  BOOST_TEST(count.size() == 10U);
  BOOST_TEST(count.count() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
