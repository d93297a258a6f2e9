#include "hub/log/log_ring.hpp"

#include <boost/test/unit_test.hpp>

namespace vpn_sentinel {
namespace {

struct Ring : LogRing {
  void say(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    add(wall_now(), level, event, {fields.begin(), fields.size()});
  }
  [[nodiscard]] std::vector<std::uint64_t> ids(const LogQuery& query) const {
    std::vector<std::uint64_t> all;
    for (const auto& line : find(query).lines) all.push_back(line.id);
    return all;
  }
};
using Ids = std::vector<std::uint64_t>;

BOOST_AUTO_TEST_SUITE(log_ring)

BOOST_FIXTURE_TEST_CASE(lines_come_newest_first_by_level_and_by_text_in_any_case, Ring) {
  say(LogLevel::info, "ready", {{"version", "1.0"}});
  say(LogLevel::warning, "went_offline", {{"client", "Office-VPN"}});
  say(LogLevel::error, "store", {{"message", "disk is full"}});
  say(LogLevel::debug, "turn");
  BOOST_TEST(ids({}) == Ids({4, 3, 2, 1}), boost::test_tools::per_element());
  BOOST_TEST(ids({LogLevel::warning, "", 0, 0, 100}) == Ids({3, 2}), boost::test_tools::per_element());
  BOOST_TEST(ids({LogLevel::debug, "office-vpn", 0, 0, 100}) == Ids({2}), boost::test_tools::per_element());
  BOOST_TEST(ids({LogLevel::debug, "VERSION", 0, 0, 100}) == Ids({1}), boost::test_tools::per_element());
  BOOST_TEST(ids({LogLevel::debug, "OFFLINE", 0, 0, 100}) == Ids({2}), boost::test_tools::per_element());
  BOOST_TEST(ids({LogLevel::debug, "no such thing", 0, 0, 100}).empty());
}

BOOST_FIXTURE_TEST_CASE(pages_go_back_without_a_gap_and_what_is_new_is_asked_for_by_the_last_id, Ring) {
  for (int i = 0; i < 10; ++i) say(i % 2 == 0 ? LogLevel::info : LogLevel::error, "tick");
  const auto first = find({LogLevel::error, "", 0, 0, 2});
  BOOST_TEST(first.more);
  BOOST_TEST(first.lines.back().id == 8U);
  BOOST_TEST(ids({LogLevel::error, "", 8, 0, 2}) == Ids({6, 4}), boost::test_tools::per_element());
  BOOST_TEST(!find({LogLevel::error, "", 4, 0, 2}).more);
  BOOST_TEST(ids({LogLevel::debug, "", 0, 8, 100}) == Ids({10, 9}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(it_keeps_the_newest_lines_within_its_limits_and_counts_the_others, Ring) {
  for (std::size_t i = 0; i < most_lines + 7; ++i) say(LogLevel::info, "tick");
  BOOST_TEST(find({}).lost == 7U);
  const std::string large(longest_value, 'x');
  for (std::size_t i = 0; i < 2 * most_bytes / longest_value; ++i) say(LogLevel::info, "large", {{"text", large}});
  const auto page = find({LogLevel::debug, "large", 0, 0, most_lines});
  BOOST_TEST(page.lines.size() * longest_value < most_bytes);
  BOOST_TEST(page.lines.size() * longest_value > most_bytes / 2);
}

BOOST_FIXTURE_TEST_CASE(long_values_are_cut_at_a_whole_character, Ring) {
  std::string text(longest_value - 1, 'x');
  text += "\u00e9\u00e9";
  say(LogLevel::info, "long", {{"text", text}});
  BOOST_TEST(find({}).lines.front().fields.front().second == std::string(longest_value - 1, 'x'));
}

BOOST_FIXTURE_TEST_CASE(secrets_never_get_in, Ring) {
  hide(SecretMask({"s3cret-of-the-hub", "s3cret", "abc"}));
  const std::string jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl";
  const std::vector<std::pair<std::string, std::string>> lines{
      {"token", "whatever"},
      {"api_key", "whatever"},
      {"message", "refused: s3cret-of-the-hub"},
      {"message", "url https://anna:whatever@example.org/x"},
      {"message", "https://api.example.org/bot123456789:AAHsecretABCdefGHI0123456789jklMNO/sendMessage"},
      {"message", "Authorization: Bearer whatever"},
      {"message", R"({"password":"whatever"})"},
      {"message", "GET /hook?token=whatever&x=1"},
      {"message", "token vst_0123456789abcdefghij"},
      {"message", "a token " + jwt},
      {"message", "made ZmFrZXNlY3JldDEyMzQ1Njc4OTA_WFla"},
  };
  for (const auto& [key, value] : lines) say(LogLevel::info, "line", {{key, value}});
  for (const auto& line : find({}).lines) {
    const auto& value = line.fields.front().second;
    BOOST_TEST_CONTEXT(value) {
      BOOST_TEST(value.find(masked_text) != std::string::npos);
      for (const auto* secret : {"whatever", "s3cret", "AAHsecret", "0123456789abcdef", "eyJ", "ZmFr"}) {
        BOOST_TEST(value.find(secret) == std::string::npos);
      }
    }
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_no_secret_stays_readable, Ring) {
  hide(SecretMask({"abc"}));
  const std::string hint = "each listener takes no more than this many connections; raise the hard limit (LimitNOFILE=) abc";
  say(LogLevel::info, "line",
      {{"hint", hint},
       {"url", "http://127.0.0.1:5000/api/v1"},
       {"client_keys", 7},
       {"at", "2026-11-22T05:58:20Z"},
       {"findings", "default_route_outside,packets_outside"},
       {"file", "/var/lib/vpn-sentinel/keys.jsonl"}});
  const auto page = find({});
  std::string all;
  for (const auto& [key, value] : page.lines.front().fields) all += value + "|";
  BOOST_TEST(
      all ==
      hint +
          "|http://127.0.0.1:5000/api/v1|7|2026-11-22T05:58:20Z|default_route_outside,packets_outside|/var/lib/vpn-sentinel/keys.jsonl|");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
