#include "hub/state/time_zone.hpp"

#include <boost/test/unit_test.hpp>

namespace vpn_sentinel {
namespace {

using std::chrono::hours;

WallTime utc(std::string_view text) { return parse_rfc3339(text).value(); }
TimeZone zone(std::string_view name) { return TimeZone::find(name).value(); }

BOOST_AUTO_TEST_SUITE(time_zone)

BOOST_AUTO_TEST_CASE(a_day_of_summer_time_has_23_or_25_hours_and_days_leave_no_gap) {
  const auto berlin = zone("Europe/Berlin");
  for (const auto& [from, lengths] :
       {std::pair{"2026-03-28T12:00:00Z", std::array{24, 23, 24}}, std::pair{"2026-10-24T12:00:00Z", std::array{24, 25, 24}}}) {
    const auto days = berlin.split({utc(from), utc(from) + hours{48}}, CalendarUnit::day, 10).value();
    BOOST_TEST_REQUIRE(days.size() == 3U);
    for (std::size_t i = 0; i < days.size(); ++i) {
      BOOST_TEST((days[i].length() == hours{lengths.at(i)}));
      if (i > 0) BOOST_TEST((days[i].from == days[i - 1].to));
    }
  }
}

BOOST_AUTO_TEST_CASE(months_and_weeks_begin_at_midnight_of_the_zone) {
  const auto october = zone("Europe/Berlin").month("2026-10").value();
  BOOST_TEST((october.from == utc("2026-09-30T22:00:00Z") && october.to == utc("2026-10-31T23:00:00Z")));
  BOOST_TEST((zone("UTC").month("2024-02").value().length() == hours{29 * 24}));
  const auto new_york = zone("America/New_York").month("2026-12").value();
  BOOST_TEST((new_york.from == utc("2026-12-01T05:00:00Z") && new_york.to == utc("2027-01-01T05:00:00Z")));
  // 2026-11-21 is a Saturday.
  const auto weeks = zone("Asia/Kolkata").split({utc("2026-11-21T10:00:00Z"), utc("2026-11-21T11:00:00Z")}, CalendarUnit::week, 10).value();
  BOOST_TEST_REQUIRE(weeks.size() == 1U);
  BOOST_TEST((weeks[0].from == utc("2026-11-15T18:30:00Z") && weeks[0].to == utc("2026-11-22T18:30:00Z")));
}

BOOST_AUTO_TEST_CASE(where_midnight_is_jumped_over_the_day_begins_with_its_first_moment) {
  const auto days =
      zone("America/Santiago").split({utc("2026-09-05T12:00:00Z"), utc("2026-09-06T12:00:00Z")}, CalendarUnit::day, 10).value();
  BOOST_TEST_REQUIRE(days.size() == 2U);
  BOOST_TEST((days[1].from == utc("2026-09-06T04:00:00Z") && days[1].length() == hours{23}));
}

BOOST_AUTO_TEST_CASE(more_units_than_are_wanted_are_none) {
  const Stretch year{utc("2026-01-01T00:00:00Z"), utc("2027-01-01T00:00:00Z")};
  BOOST_TEST(!TimeZone::utc().split(year, CalendarUnit::day, 364).has_value());
  BOOST_TEST(TimeZone::utc().split(year, CalendarUnit::day, 365).value().size() == 365U);
  BOOST_TEST(TimeZone::utc().split(year, CalendarUnit::month, 12).value().size() == 12U);
  BOOST_TEST(TimeZone::utc().split({year.to, year.from}, CalendarUnit::day, 1).value().empty());
}

BOOST_AUTO_TEST_CASE(a_clock_on_the_wall_shows_its_offset) {
  BOOST_TEST(zone("Europe/Berlin").text(utc("2026-10-25T00:30:00Z")) == "2026-10-25 02:30 +02:00");
  BOOST_TEST(zone("Europe/Berlin").text(utc("2026-10-25T01:30:00Z")) == "2026-10-25 02:30 +01:00");
  BOOST_TEST(zone("America/St_Johns").text(utc("2026-01-01T00:00:00Z")) == "2025-12-31 20:30 -03:30");
  BOOST_TEST(zone("Asia/Kolkata").hour(utc("2026-01-01T18:45:00Z")) == 0);
  // The rules of the database reach that far.
  BOOST_TEST(zone("Europe/Berlin").text(utc("2036-07-01T00:00:00Z")) == "2036-07-01 02:00 +02:00");
}

BOOST_AUTO_TEST_CASE(what_is_no_zone_or_month_is_named) {
  for (const auto* name : {"", "Europe", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "Europe/Berlin ", "a\nb"}) {
    BOOST_TEST_CONTEXT(name) {
      const auto found = TimeZone::find(name);
      BOOST_TEST_REQUIRE(!found.has_value());
      BOOST_TEST(found.error().message.find("Europe/Berlin") != std::string::npos);
    }
  }
  for (const auto* month : {"", "2026", "2026-1", "2026-13", "2026-00", "1969-12", "2026-1x", "+026-10", "2026/10", "2026-10-01"}) {
    BOOST_TEST_CONTEXT(month) { BOOST_TEST(!TimeZone::utc().month(month).has_value()); }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
