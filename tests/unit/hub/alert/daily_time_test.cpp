#include "hub/alert/daily_time.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(daily_time)

using namespace vpn_sentinel;

namespace {

WallTime time(const char* text) { return parse_rfc3339(text).value(); }

std::string end_of(const char* stretch, bool weekly, const char* zone, const char* when) {
  const auto read = parse_daily_time(stretch, weekly, parse_clock_zone(zone).value());
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(to_string(*read) == stretch);
  const auto end = read->end_of(time(when));
  return end ? to_rfc3339(*end).substr(0, 19) : "none";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stretch_may_go_over_midnight) {
  BOOST_TEST(end_of("22:00-07:00", false, "UTC", "2026-11-21T23:30:00Z") == "2026-11-22T07:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, "UTC", "2026-11-22T06:59:59.9Z") == "2026-11-22T07:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, "UTC", "2026-11-22T07:00:00Z") == "none");
  BOOST_TEST(end_of("22:00-07:00", false, "UTC", "2026-11-22T21:59:59Z") == "none");
  BOOST_TEST(end_of("00:00-00:00", false, "UTC", "2026-11-22T12:00:00Z") == "2026-11-23T00:00:00");
}

BOOST_AUTO_TEST_CASE(a_zone_moves_it) {
  BOOST_TEST(end_of("22:00-07:00", false, "+02:00", "2026-11-21T20:30:00Z") == "2026-11-22T05:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, "-05:00", "2026-11-21T20:30:00Z") == "none");
}

/// 2026-11-22 is a Sunday.
BOOST_AUTO_TEST_CASE(a_weekday_is_the_one_on_which_it_begins) {
  BOOST_TEST(end_of("Sun 02:00-04:00", true, "UTC", "2026-11-22T03:00:00Z") == "2026-11-22T04:00:00");
  BOOST_TEST(end_of("Sun 02:00-04:00", true, "UTC", "2026-11-23T03:00:00Z") == "none");
  BOOST_TEST(end_of("Sun 23:00-01:00", true, "UTC", "2026-11-23T00:30:00Z") == "2026-11-23T01:00:00");
  BOOST_TEST(end_of("Sun 23:00-01:00", true, "UTC", "2026-11-22T00:30:00Z") == "none");
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused) {
  for (const auto* text : {"", "22:00", "22:00-7:00", "24:00-07:00", "22:60-07:00", "ab:cd-ef:gh", "22:00-07:00 ", "+2:00-07:00"}) {
    BOOST_TEST(!parse_daily_time(text, false, {}).has_value());
    BOOST_TEST(!parse_daily_time(std::string("Sun ") + text, true, {}).has_value());
  }
  BOOST_TEST(!parse_daily_time("Day 02:00-04:00", true, {}).has_value());
  for (const auto* text : {"", "Europe/Bucharest", "+25:00", "02:00", "+0200"}) BOOST_TEST(!parse_clock_zone(text).has_value());
  for (const auto* text : {"local", "UTC", "+05:30", "-08:00"}) BOOST_TEST(to_string(parse_clock_zone(text).value()) == text);
}

BOOST_AUTO_TEST_SUITE_END()
