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

/// In Berlin clocks went from 02:00 to 03:00 on 2026-03-29, and go from 03:00 to 02:00 on 2026-10-25.
BOOST_AUTO_TEST_CASE(a_place_has_its_summer_time) {
  const auto* const berlin = "Europe/Berlin";
  BOOST_TEST(end_of("22:00-07:00", false, berlin, "2026-01-10T21:00:00Z") == "2026-01-11T06:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, berlin, "2026-07-10T20:00:00Z") == "2026-07-11T05:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, berlin, "2026-01-10T20:59:59Z") == "none");
}

BOOST_AUTO_TEST_CASE(a_night_in_which_the_clock_is_set_ends_by_its_face) {
  const auto* const berlin = "Europe/Berlin";
  // 23:00 to 07:00 are seven hours in spring and nine in autumn.
  BOOST_TEST(end_of("22:00-07:00", false, berlin, "2026-03-28T22:00:00Z") == "2026-03-29T05:00:00");
  BOOST_TEST(end_of("22:00-07:00", false, berlin, "2026-10-24T21:00:00Z") == "2026-10-25T06:00:00");
  // An end that no clock shows is the moment that takes its place; of one that comes twice the first counts.
  BOOST_TEST(end_of("22:00-02:30", false, berlin, "2026-03-28T22:00:00Z") == "2026-03-29T01:00:00");
  BOOST_TEST(end_of("22:00-02:30", false, berlin, "2026-10-24T21:00:00Z") == "2026-10-25T00:30:00");
  // A stretch that begins in the hour that there is not.
  BOOST_TEST(end_of("Sun 02:00-04:00", true, berlin, "2026-03-29T01:00:00Z") == "2026-03-29T02:00:00");
  BOOST_TEST(end_of("Sun 02:00-04:00", true, berlin, "2026-03-29T00:59:59Z") == "none");
  // The hour that comes twice is in it both times.
  BOOST_TEST(end_of("Sun 02:00-04:00", true, berlin, "2026-10-25T00:00:00Z") == "2026-10-25T03:00:00");
  BOOST_TEST(end_of("Sun 02:00-04:00", true, berlin, "2026-10-25T01:59:59Z") == "2026-10-25T03:00:00");
  // Half an hour on Lord Howe, and a day that is all of it.
  BOOST_TEST(end_of("22:00-07:00", false, "Australia/Lord_Howe", "2026-04-04T12:00:00Z") == "2026-04-04T20:30:00");
  BOOST_TEST(end_of("00:00-00:00", false, berlin, "2026-10-25T00:00:00Z") != "none");
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
  for (const auto* text : {"", "Europe/Nowhere", "../etc/passwd", "+25:00", "02:00", "+0200"})
    BOOST_TEST(!parse_clock_zone(text).has_value());
  for (const auto* text : {"local", "UTC", "+05:30", "-08:00", "Europe/Bucharest"})
    BOOST_TEST(to_string(parse_clock_zone(text).value()) == text);
}

BOOST_AUTO_TEST_SUITE_END()
