#include "netns/daemon/log.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(log_level)

BOOST_AUTO_TEST_CASE(each_level_has_its_word) {
  BOOST_TEST((parse_log_level("debug").value() == LogLevel::debug));
  BOOST_TEST((parse_log_level("info").value() == LogLevel::info));
  BOOST_TEST((parse_log_level("warning").value() == LogLevel::warning));
  BOOST_TEST((parse_log_level("warn").value() == LogLevel::warning));
  BOOST_TEST((parse_log_level("error").value() == LogLevel::error));
  for (const auto* const word : {"debug", "info", "warning", "error"}) BOOST_TEST(to_string(parse_log_level(word).value()) == word);
}

BOOST_AUTO_TEST_CASE(another_word_is_told_with_the_good_ones) {
  for (const auto* const word : {"", "INFO", "verbose"}) {
    BOOST_TEST(parse_log_level(word).error().message == "'" + std::string(word) + "': expected debug, info, warning or error");
  }
}

BOOST_AUTO_TEST_CASE(who_watches_sees_the_lines_that_are_written_until_he_goes) {
  init_log(LogLevel::warning);
  std::vector<std::string> seen;
  const auto note = [&](LogLevel /*level*/, std::string_view event, std::span<const LogField> fields) {
    seen.push_back(std::string(event) + " " + fields.front().value);
  };
  {
    const LogWatch watch(note);
    log(LogLevel::warning, "first", {{"number", 1}});
    log(LogLevel::info, "not_written", {{"number", 2}});
  }
  log(LogLevel::warning, "nobody_looks", {{"number", 3}});
  BOOST_TEST(seen == std::vector<std::string>{"first 1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
