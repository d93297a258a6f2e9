#include "hub/alert/telegram.hpp"

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>

#include "hub/alert/channel_protocol.hpp"
#include "hub/alert/channel_sender.hpp"
#include "tests/unit/hub/alert/bot_api.hpp"

BOOST_AUTO_TEST_SUITE(telegram)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using test::BotApi;

namespace {

const std::string token = "123456:SECRET-token_x";

struct Outcome {
  std::int64_t id;
  std::string reason;  ///< empty: delivered
  bool give_up;
};

class Outcomes {
 public:
  ChannelSender::Hooks hooks() {
    return {[this](std::int64_t id, const std::string&) {
              add({id, "", false});
            },
            [this](std::int64_t id, const std::string& reason, bool give_up) {
              add({id, reason, give_up});
            }};
  }
  std::vector<Outcome> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, 10s, [&] { return list_.size() >= count; });
    return list_;
  }

 private:
  void add(Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      list_.push_back(std::move(outcome));
    }
    came_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Outcome> list_;
};

ChannelConfig options_for(const std::string& url) {
  auto channel = channel_of(TelegramOptions{url, token, "-42", ""});
  channel.timeout = 2s;
  channel.first_retry = 20ms;
  channel.most_retry = 100ms;
  return channel;
}

std::unique_ptr<ChannelSender> start(const ChannelConfig& channel, ChannelSender::Hooks hooks) {
  return ChannelSender::start(make_protocol(channel), {channel.first_retry, channel.most_retry}, std::move(hooks));
}

std::vector<StoredAlert> alerts(std::initializer_list<const char*> texts) {
  std::vector<StoredAlert> list;
  for (const auto* text : texts) list.push_back({static_cast<std::int64_t>(list.size() + 1), "telegram", text, {}, 0});
  return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_arrive_in_order_as_the_bot_api_expects_them) {
  BotApi api;
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"<b>one</b>", "two"}));
  sender->enqueue({{3, "telegram", "three", {}, 0}});
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  BOOST_TEST((done[0].id == 1 && done[1].id == 2 && done[2].id == 3));
  const auto seen = api.wait(3);
  BOOST_TEST(seen[0].path == "/bot" + token + "/sendMessage");
  BOOST_TEST(seen[0].body.at("chat_id") == "-42");
  BOOST_TEST(seen[0].body.at("text") == "<b>one</b>");
  BOOST_TEST(seen[0].body.at("parse_mode") == "HTML");
  BOOST_TEST(seen[2].body.at("text") == "three");
}

BOOST_AUTO_TEST_CASE(trouble_is_retried_until_the_message_is_delivered) {
  BotApi api({{0, ""}, {502, "bad gateway"}, {200, "<html>log in</html>"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  const auto done = outcomes.wait(4);
  BOOST_REQUIRE_EQUAL(done.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST((!done[i].reason.empty() && !done[i].give_up));
  BOOST_TEST(done[3].reason.empty());
}

BOOST_AUTO_TEST_CASE(the_pause_that_the_server_asks_for_is_kept) {
  BotApi api({{429, R"({"ok":false,"description":"Too Many Requests","parameters":{"retry_after":1}})"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  outcomes.wait(2);
  const auto seen = api.wait(2);
  BOOST_REQUIRE_EQUAL(seen.size(), 2U);
  BOOST_TEST((seen[1].when - seen[0].when >= 990ms));
}

BOOST_AUTO_TEST_CASE(refused_html_is_sent_as_plain_text) {
  BotApi api({{400, R"({"ok":false,"description":"Bad Request: can't parse entities"})"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"<b>one</b>", "<i>two</i>"}));
  const auto done = outcomes.wait(2);
  BOOST_TEST((done.at(0).reason.empty() && done.at(1).reason.empty()));
  const auto seen = api.wait(3);
  BOOST_TEST(seen.at(1).body.at("text") == "one");
  BOOST_TEST(!seen.at(1).body.contains("parse_mode"));
  BOOST_TEST(seen.at(2).body.at("text") == "<i>two</i>");
}

BOOST_AUTO_TEST_CASE(a_text_refused_for_good_is_given_up_and_the_next_one_goes_on) {
  const BotApi::Answer refusal{400, R"({"ok":false,"description":"Bad Request: message is too long"})"};
  BotApi api({refusal, refusal});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one", "two"}));
  const auto done = outcomes.wait(2);
  BOOST_REQUIRE_EQUAL(done.size(), 2U);
  BOOST_TEST((done[0].id == 1 && done[0].give_up));
  BOOST_TEST((done[1].id == 2 && done[1].reason.empty()));
}

BOOST_AUTO_TEST_CASE(a_wrong_token_or_chat_keeps_the_queue_and_names_the_reason) {
  BotApi api({{401, R"({"ok":false,"description":"Unauthorized"})"}, {400, R"({"ok":false,"description":"Bad Request: chat not found"})"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  BOOST_TEST((!done[0].give_up && done[0].reason.find("check the bot token") != std::string::npos));
  BOOST_TEST((!done[1].give_up && done[1].reason.find("check the chat id") != std::string::npos));
  BOOST_TEST(done[2].reason.empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_that_does_not_blame_the_text_costs_no_message) {
  const BotApi::Answer rights{400, R"({"ok":false,"description":"Bad Request: need administrator rights in the channel chat"})"};
  const BotApi::Answer proxy{400, "<html><h1>400 Bad Request</h1></html>"};
  BotApi api({rights, rights, proxy, proxy});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"<b>one</b>"}));
  const auto done = outcomes.wait(5);
  BOOST_REQUIRE_EQUAL(done.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST((!done[i].give_up && !done[i].reason.empty()));
  BOOST_TEST(done[4].reason.empty());
  for (const auto& seen : api.wait(5)) BOOST_TEST(seen.body.contains("parse_mode"));
}

BOOST_AUTO_TEST_CASE(a_message_refused_in_unknown_words_is_given_up_when_a_later_one_is_delivered) {
  const BotApi::Answer unknown{400, R"({"ok":false,"description":"Bad Request: words of a later version"})"};
  BotApi api({unknown, unknown});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"<b>one</b>", "two", "three"}));
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  BOOST_TEST((done[0].id == 1 && done[0].give_up));
  BOOST_TEST(done[0].reason.find("words of a later version") != std::string::npos);
  BOOST_TEST((done[1].id == 2 && done[1].reason.empty()));
  BOOST_TEST((done[2].id == 3 && done[2].reason.empty()));
  const auto seen = api.wait(4);
  BOOST_TEST(seen.at(1).body.at("text") == "one");
  BOOST_TEST(!seen.at(1).body.contains("parse_mode"));
}

BOOST_AUTO_TEST_CASE(when_every_message_is_refused_in_unknown_words_none_is_given_up_and_the_order_stays) {
  const BotApi::Answer unknown{400, R"({"ok":false,"description":"Bad Request: words of a later version"})"};
  BotApi api({unknown, unknown, unknown, unknown});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one", "two"}));
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  BOOST_TEST((done[0].id == 1 && !done[0].give_up && !done[0].reason.empty()));
  BOOST_TEST((done[1].id == 1 && done[1].reason.empty()));
  BOOST_TEST((done[2].id == 2 && done[2].reason.empty()));
}

BOOST_AUTO_TEST_CASE(what_a_doubtful_message_was_refused_for_is_not_concluded_from_one_that_had_to_wait) {
  const BotApi::Answer unknown{400, R"({"ok":false,"description":"Bad Request: words of a later version"})"};
  BotApi api({unknown, unknown, {401, R"({"ok":false,"description":"Unauthorized"})"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one", "two"}));
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  for (const auto& outcome : done) BOOST_TEST(!outcome.give_up);
  BOOST_TEST((done[1].id == 1 && done[1].reason.empty()));
  BOOST_TEST((done[2].id == 2 && done[2].reason.empty()));
}

BOOST_AUTO_TEST_CASE(a_single_message_that_is_refused_in_unknown_words_waits_for_another_one) {
  const BotApi::Answer unknown{400, R"({"ok":false,"description":"Bad Request: words of a later version"})"};
  BotApi api({unknown, unknown, unknown, unknown});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  const auto done = outcomes.wait(3);
  BOOST_REQUIRE_EQUAL(done.size(), 3U);
  for (std::size_t i = 0; i < 2; ++i) BOOST_TEST((!done[i].give_up && !done[i].reason.empty()));
  BOOST_TEST(done[2].reason.empty());
}

BOOST_AUTO_TEST_CASE(a_group_that_moved_is_followed) {
  BotApi api({{400, R"({"ok":false,"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-1001}})"}});
  Outcomes outcomes;
  const auto sender = start(options_for(api.url()), outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  outcomes.wait(2);
  BOOST_TEST(api.wait(2).at(1).body.at("chat_id") == "-1001");
}

BOOST_AUTO_TEST_CASE(the_token_is_in_no_reason) {
  Outcomes outcomes;
  const auto nowhere = start(options_for("http://127.0.0.1:1"), outcomes.hooks());
  nowhere->enqueue(alerts({"one"}));
  BotApi api({{404, R"({"ok":false,"description":"Not Found: /bot123456:SECRET-token_x/sendMessage"})"}});
  const auto echo = start(options_for(api.url()), outcomes.hooks());
  echo->enqueue(alerts({"one"}));
  for (const auto& outcome : outcomes.wait(4)) BOOST_TEST((outcome.reason.find("SECRET") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(stopping_in_the_middle_of_everything_is_quick) {
  Outcomes outcomes;
  auto options = options_for("http://127.0.0.1:1");
  options.first_retry = 60s;
  options.most_retry = 60s;
  auto sender = start(options, outcomes.hooks());
  sender->enqueue(alerts({"one"}));
  outcomes.wait(1);
  const auto begun = std::chrono::steady_clock::now();
  sender.reset();
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 1s));
}

BOOST_AUTO_TEST_SUITE_END()
