#include "netns/base/clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

WallTime at(std::int64_t microseconds) { return WallTime{std::chrono::microseconds{microseconds}}; }

/// With a seventh digit the text has not the usual length; the digit changes nothing.
std::string with_one_more_digit(const std::string& text) { return text.substr(0, text.size() - 1) + "0" + text.back(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(clock_)

BOOST_AUTO_TEST_CASE(a_time_is_written_in_utc_with_six_digits) {
  BOOST_TEST(to_rfc3339(at(0)) == "1970-01-01T00:00:00.000000Z");
  BOOST_TEST(to_rfc3339(at(1'795'256'130'123'456)) == "2026-11-21T10:15:30.123456Z");
  BOOST_TEST(to_rfc3339(at(951'782'400'000'000)) == "2000-02-29T00:00:00.000000Z");
}

BOOST_AUTO_TEST_CASE(every_accepted_form_of_one_moment_reads_the_same) {
  const auto moment = at(1'795'256'130'500'000);
  for (const auto* text : {"2026-11-21T10:15:30.5Z", "2026-11-21t10:15:30.500000z", "2026-11-21 10:15:30.5000009Z",
                           "2026-11-21T12:15:30.5+02:00", "2026-11-21T05:45:30.5-0430", "2026-11-22T00:15:30.5+14:00"}) {
    const auto read = parse_rfc3339(text);
    BOOST_TEST_REQUIRE(read.has_value(), text);
    BOOST_TEST((*read == moment), text);
  }
}

BOOST_AUTO_TEST_CASE(a_written_time_reads_back) {
  const auto now = wall_now();
  BOOST_TEST((parse_rfc3339(to_rfc3339(now)) == now));
}

BOOST_AUTO_TEST_CASE(a_usual_time_with_any_wrong_character_reads_as_the_same_text_of_another_length) {
  const std::string usual = "2026-11-21T10:15:30.123456Z";
  BOOST_TEST_REQUIRE(parse_rfc3339(usual).has_value());
  for (std::size_t place = 0; place < usual.size() - 1; ++place) {
    for (int c = 0; c < 256; ++c) {
      auto text = usual;
      text[place] = static_cast<char>(c);
      const auto read = parse_rfc3339(text);
      const auto other = parse_rfc3339(with_one_more_digit(text));
      BOOST_REQUIRE_MESSAGE(read.has_value() == other.has_value(), text);
      BOOST_REQUIRE_MESSAGE(!read || *read == *other, text);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_leap_second_is_the_start_of_the_next_second) {
  BOOST_TEST((parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z")));
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused_and_quoted) {
  for (const auto* text : {"", "now", "2026-11-21", "2026-11-21T10:15:30", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
                           "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:15:61Z", "2026-11-21T10:15:30.Z",
                           "1969-12-31T23:59:59Z", "2026-11-21T10:15:30Z ", "2026-11-21T10:15:30+24:00", "+026-11-21T10:15:30Z"}) {
    const auto read = parse_rfc3339(text);
    BOOST_TEST_REQUIRE(!read.has_value(), text);
    BOOST_TEST((read.error().kind == Error::Kind::invalid));
    BOOST_TEST(read.error().message.find(text) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_duration_for_people_has_its_two_largest_units) {
  BOOST_TEST(human_duration(0ms) == "0 ms");
  BOOST_TEST(human_duration(-5ms) == "0 ms");
  BOOST_TEST(human_duration(999ms) == "999 ms");
  BOOST_TEST(human_duration(3999ms) == "3 s");
  BOOST_TEST(human_duration(252s) == "4 min 12 s");
  BOOST_TEST(human_duration(240s) == "4 min");
  BOOST_TEST(human_duration(2h + 5min + 59s) == "2 h 5 min");
  BOOST_TEST(human_duration(76h + 30min) == "3 d 4 h");
  BOOST_TEST(human_duration(24h + 59min) == "1 d");
}

BOOST_AUTO_TEST_SUITE_END()
