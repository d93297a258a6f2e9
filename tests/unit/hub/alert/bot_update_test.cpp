#include "hub/alert/bot_update.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(bot_update)

using namespace vpn_sentinel;
using Kind = BotUpdate::Kind;
using nlohmann::json;

namespace {

std::vector<BotUpdate> read(const json& updates) { return read_bot_updates(json{{"ok", true}, {"result", updates}}.dump()).value(); }

json message(const json& more = json::object()) {
  json item{{"message_id", 7},
            {"date", 1'795'000'000},
            {"chat", {{"id", -42}, {"type", "supergroup"}}},
            {"from", {{"id", 5}, {"first_name", "Ada"}}},
            {"text", "/status"}};
  item.update(more);
  return item;
}

json press(const json& more = json::object()) {
  json item{{"id", "press-1"},
            {"from", {{"id", 5}, {"username", "ada"}}},
            {"data", "a.1.x"},
            {"message", message({{"entities", {{{"type", "bold"}, {"offset", 0}, {"length", 2}}}}})}};
  item.update(more);
  return item;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_tells_who_wrote_where_and_when) {
  const auto updates = read({{{"update_id", 10}, {"message", message({{"is_topic_message", true}, {"message_thread_id", 3}})}}});
  BOOST_REQUIRE_EQUAL(updates.size(), 1U);
  const auto& update = updates.front();
  BOOST_TEST((update.kind == Kind::message));
  BOOST_TEST(update.id == 10);
  BOOST_TEST(update.chat.id == -42);
  BOOST_TEST(update.chat.kind == "supergroup");
  BOOST_TEST((update.topic == 3));
  BOOST_TEST(update.user == "Ada (5)");
  BOOST_TEST(update.text == "/status");
  BOOST_TEST((update.sent == WallTime{std::chrono::seconds{1'795'000'000}}));
}

BOOST_AUTO_TEST_CASE(an_answer_in_a_thread_that_is_no_topic_names_none) {
  BOOST_TEST((!read({{{"update_id", 10}, {"message", message({{"message_thread_id", 3}})}}}).front().topic));
}

BOOST_AUTO_TEST_CASE(a_press_tells_what_the_button_carries_and_its_message) {
  const auto update = read({{{"update_id", 11}, {"callback_query", press()}}}).front();
  BOOST_TEST((update.kind == Kind::press));
  BOOST_TEST(update.press_id == "press-1");
  BOOST_TEST(update.data == "a.1.x");
  BOOST_TEST(update.user == "@ada");
  BOOST_TEST(update.message_id == 7);
  BOOST_TEST(update.entities.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_understood_only_counts) {
  const auto updates = read({{{"update_id", 1}, {"edited_message", message()}},
                             {{"update_id", 2}, {"message", "text"}},
                             {{"update_id", 3}, {"message", message({{"chat", nullptr}})}},
                             {{"update_id", 4}, {"callback_query", press({{"message", nullptr}})}},
                             {{"update_id", 5}, {"callback_query", press({{"from", {{"id", "5"}}}})}},
                             {{"update_id", 6}, {"message", message({{"message_id", 1e300}})}},
                             {{"update_id", 7}, {"message", message({{"chat", {{"id", 18'446'744'073'709'551'615U}}}})}}});
  BOOST_REQUIRE_EQUAL(updates.size(), 7U);
  for (const auto& update : updates) BOOST_TEST((update.kind == Kind::other), update.id);
}

BOOST_AUTO_TEST_CASE(an_update_without_a_number_is_left_out) {
  BOOST_TEST(read({{{"message", message()}}, {{"update_id", -1}}, {{"update_id", "5"}}, 5, nullptr, json::array()}).empty());
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_telegram_allows_is_not_read) {
  BOOST_TEST(read({{{"update_id", 1}, {"message", message({{"text", std::string(20'000, 'x')}})}}}).front().text.empty());
  BOOST_TEST(read({{{"update_id", 1}, {"callback_query", press({{"data", std::string(65, 'x')}})}}}).front().data.empty());
}

BOOST_AUTO_TEST_CASE(names_have_no_control_characters_and_an_end) {
  const auto name =
      read({{{"update_id", 1}, {"message", message({{"from", {{"id", 5}, {"first_name", "A\n\x1b[31m" + std::string(300, 'x')}}}})}}})
          .front()
          .user;
  BOOST_TEST(name.find('\n') == std::string::npos);
  BOOST_TEST(name.find('\x1b') == std::string::npos);
  BOOST_TEST(name.size() < 80U);
}

BOOST_AUTO_TEST_CASE(a_post_of_a_channel_has_nobody_who_wrote_it) {
  auto post = message({{"chat", {{"id", -100}, {"type", "channel"}, {"username", "News"}}}});
  post.erase("from");
  const auto update = read({{{"update_id", 1}, {"channel_post", post}}}).front();
  BOOST_TEST((update.kind == Kind::message));
  BOOST_TEST(update.user_id == 0);
  BOOST_TEST(update.chat.username == "News");
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_the_bot_apis_is_an_error) {
  for (const auto* body : {"", "<html>", "{}", "[]", R"({"ok":false,"result":[]})", R"({"ok":true})", R"({"ok":true,"result":{}})"}) {
    BOOST_TEST(!read_bot_updates(body).has_value(), body);
  }
}

BOOST_AUTO_TEST_SUITE_END()
