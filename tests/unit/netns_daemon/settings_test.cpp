#include "netns/daemon/settings.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "tests/unit/netns_daemon/sample_rows.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// "" when `text` is taken, else what was expected instead.
std::string complaint(std::string_view key, std::string text) {
  Settings settings(sample_rows);
  const auto result = settings.set(key, std::move(text), "flag --x");
  if (result) return "";
  const auto& message = result.error().message;
  BOOST_TEST((result.error().kind == Error::Kind::invalid));
  return message.substr(message.find("expected "));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(settings)

BOOST_AUTO_TEST_CASE(a_fresh_object_holds_the_defaults) {
  const Settings settings(sample_rows);
  BOOST_TEST(settings.text("url") == "http://127.0.0.1:5000");
  BOOST_TEST((settings.duration("interval") == std::chrono::seconds{15}));
  BOOST_TEST(settings.integer("failures") == 3);
  BOOST_TEST(!settings.boolean("insecure"));
  BOOST_TEST(settings.list("resolvers") == (std::vector<std::string>{"1.1.1.1:53", "9.9.9.9:53"}), boost::test_tools::per_element());
  BOOST_TEST(settings.text("api_key").empty());
  for (const auto& row : sample_rows) {
    BOOST_TEST(settings.origin(row.key) == "default");
    BOOST_TEST(!settings.is_set(row.key));
  }
}

BOOST_AUTO_TEST_CASE(durations_take_units_and_fractions) {
  const struct {
    const char* text;
    long milliseconds;
  } rows[]{{"90", 90'000},  {"1.5", 1500},     {"1500ms", 1500}, {"30s", 30'000},
           {"5m", 300'000}, {"1h", 3'600'000}, {"0.5m", 30'000}, {" 7s ", 7000}};
  for (const auto& row : rows) {
    Settings settings(sample_rows);
    BOOST_TEST(settings.set("interval", row.text, "x").has_value(), row.text);
    BOOST_TEST(settings.duration("interval").count() == row.milliseconds, row.text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_duration_or_out_of_bounds_is_refused) {
  for (const auto* const text : {"", "s", "abc", "5x", "5 s", "-5s", "1e3s", "inf", "nan", "infs", "0x10", "5ss", "1,5s", "999ms", "3601s",
                                 "61m", "1.001h", "99999999999999h"}) {
    BOOST_TEST(complaint("interval", text) == "expected a time such as 30s, 250ms or 5m, 1 to 3600 seconds", text);
  }
}

BOOST_AUTO_TEST_CASE(whole_numbers_keep_their_bounds) {
  for (const auto* const text : {"0", "101", "-1", "3.0", "three", "", "+3", "3 4", "9999999999999999999999"}) {
    BOOST_TEST(complaint("failures", text) == "expected a whole number, 1 to 100", text);
  }
  BOOST_TEST(complaint("failures", "1").empty());
  BOOST_TEST(complaint("failures", "100").empty());
  BOOST_TEST(complaint("days", "123456789").empty());
  BOOST_TEST(complaint("days", "-1") == "expected a whole number, 0 or more");
}

BOOST_AUTO_TEST_CASE(booleans_have_their_words_in_any_case) {
  Settings settings(sample_rows);
  for (const auto* const yes : {"true", "True", "YES", "on", "1"}) {
    BOOST_TEST(settings.set("insecure", yes, "x").has_value());
    BOOST_TEST(settings.boolean("insecure"), yes);
  }
  for (const auto* const no : {"false", "FALSE", "no", "Off", "0"}) {
    BOOST_TEST(settings.set("insecure", no, "x").has_value());
    BOOST_TEST(!settings.boolean("insecure"), no);
  }
  for (const auto* const other : {"", "maybe", "2", "truee"}) BOOST_TEST(complaint("insecure", other) == "expected true or false", other);
}

BOOST_AUTO_TEST_CASE(lists_are_split_at_commas_and_trimmed) {
  Settings settings(sample_rows);
  BOOST_TEST(settings.set("resolvers", " a , b,,c ,", "x").has_value());
  BOOST_TEST(settings.list("resolvers") == (std::vector<std::string>{"a", "b", "c"}), boost::test_tools::per_element());
  BOOST_TEST(settings.set("resolvers", "", "x").has_value());
  BOOST_TEST(settings.list("resolvers").empty());
}

BOOST_AUTO_TEST_CASE(a_refused_value_is_told_with_name_value_origin_and_expectation_and_changes_nothing) {
  Settings settings(sample_rows);
  const auto result = settings.set("failures", "many", "flag --failures");
  BOOST_TEST(result.error().message == "VPN_SENTINEL_FAILURES = 'many' (from flag --failures): expected a whole number, 1 to 100");
  BOOST_TEST(settings.integer("failures") == 3);
  BOOST_TEST(!settings.is_set("failures"));
}

BOOST_AUTO_TEST_CASE(a_secret_is_never_shown) {
  Settings settings(sample_rows);
  const auto result = settings.set("api_key", std::string(70'000, 'S'), "environment VPN_SENTINEL_API_KEY");
  BOOST_TEST(result.error().message ==
             "VPN_SENTINEL_API_KEY = '(hidden)' (from environment VPN_SENTINEL_API_KEY): expected at most 65536 bytes");
}

BOOST_AUTO_TEST_CASE(a_long_bad_value_is_cut_in_the_message) {
  Settings settings(sample_rows);
  BOOST_TEST(settings.set("failures", std::string(10'000, 'x'), "x").error().message.size() < 200U);
}

BOOST_AUTO_TEST_CASE(asking_for_an_unknown_key_is_a_programming_error) {
  Settings settings(sample_rows);
  BOOST_CHECK_THROW(static_cast<void>(settings.text("no_such_key")), std::logic_error);
  BOOST_CHECK_THROW(static_cast<void>(settings.set("no_such_key", "1", "x")), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
