#include "hub/alert/telegram_bot.hpp"

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/unit/hub/alert/bot_api.hpp"
#include "tests/unit/hub/alert/bot_fixture.hpp"

BOOST_AUTO_TEST_SUITE(telegram_bot)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using nlohmann::json;
using test::BotApi;

namespace {

const std::string token = "77:SECRET-token_x";
const BotApi::Answer fine{200, R"({"ok":true,"result":true})"};
const BotApi::Answer me{200, R"({"ok":true,"result":{"id":77,"username":"lab_bot"}})"};
const BotApi::Answer nothing{200, R"({"ok":true,"result":[]})"};
const BotApi::Answer lost{0, ""};

BotApi::Answer updates(std::initializer_list<std::pair<int, const char*>> texts, std::int64_t chat = -42) {
  auto list = json::array();
  for (const auto& [id, text] : texts) {
    list.push_back({{"update_id", id},
                    {"message",
                     {{"message_id", id},
                      {"date", 1'795'000'000},
                      {"chat", {{"id", chat}, {"type", "group"}}},
                      {"from", {{"id", 5}, {"username", "ada"}}},
                      {"text", text}}}});
  }
  return {200, json{{"ok", true}, {"result", list}}.dump()};
}

/// What the hub keeps and logs; outlives the bot.
struct Home {
  test::BotWorld world;
  std::mutex mutex;
  std::condition_variable came;
  std::optional<BotPlace> place = BotPlace{77, 1, 0, wall_now()};
  std::vector<std::pair<std::string, std::string>> notes;

  TelegramBot::Hooks hooks() {
    TelegramBot::Hooks hooks;
    hooks.actions = world.actions();
    hooks.load = [this]() -> Result<std::optional<BotPlace>> {
      const std::lock_guard lock(mutex);
      return place;
    };
    hooks.save = [this](const BotPlace& kept) -> Result<void> {
      {
        const std::lock_guard lock(mutex);
        place = kept;
      }
      came.notify_all();
      return {};
    };
    hooks.note = [this](std::string_view event, const std::string& message, bool) {
      {
        const std::lock_guard lock(mutex);
        notes.emplace_back(event, message);
      }
      came.notify_all();
    };
    return hooks;
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return came.wait_for(lock, 20s, condition);
  }
  std::size_t count(std::string_view event) {
    return static_cast<std::size_t>(std::count_if(notes.begin(), notes.end(), [&](const auto& note) { return note.first == event; }));
  }
};

TelegramBotOptions options_for(const BotApi& api) {
  TelegramBotOptions options;
  options.api_url = api.url();
  options.bot_token = token;
  options.chats = {{"-42", false}};
  options.poll = 0s;
  options.timeout = 5s;
  options.first_retry = 20ms;
  options.most_retry = 100ms;
  options.conflict_pause = 20ms;
  return options;
}

/// The requests of one method.
std::vector<json> of(const std::vector<BotApi::Seen>& seen, const std::string& method) {
  std::vector<json> bodies;
  for (const auto& each : seen) {
    if (each.path.ends_with("/" + method)) bodies.push_back(each.body);
  }
  return bodies;
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_introduces_itself_asks_answers_and_confirms) {
  BotApi api({me, fine, updates({{5, "/ping"}}), fine, nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto seen = api.wait(5);
  BOOST_REQUIRE(seen.size() >= 5U);
  BOOST_TEST(seen[0].path == "/bot" + token + "/getMe");
  BOOST_TEST(seen[1].path == "/bot" + token + "/setMyCommands");
  BOOST_TEST(seen[1].body["commands"].size() == 7U);
  BOOST_TEST(seen[2].path == "/bot" + token + "/getUpdates");
  BOOST_TEST(seen[2].body["offset"] == 1);
  BOOST_TEST(seen[3].path == "/bot" + token + "/sendMessage");
  BOOST_TEST(seen[4].path == "/bot" + token + "/getUpdates");
  BOOST_TEST(seen[4].body["offset"] == 6);
  BOOST_TEST(home.wait([&] { return home.place->next == 6 && home.place->begun == 0; }));
}

BOOST_AUTO_TEST_CASE(an_update_that_comes_again_is_not_answered_again) {
  BotApi api({me, fine, updates({{5, "/ping"}}), fine, updates({{5, "/ping"}, {6, "/ping"}}), fine, nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto seen = api.wait(7);
  BOOST_TEST(of(seen, "sendMessage").size() == 2U);
  BOOST_TEST(seen.at(6).body["offset"] == 7);
}

BOOST_AUTO_TEST_CASE(an_answer_that_was_on_its_way_when_the_hub_ended_is_not_sent_again) {
  BotApi api({me, fine, updates({{5, "/ping"}, {6, "/help"}}), fine, nothing});
  Home home;
  home.place = BotPlace{77, 5, 5, wall_now()};
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto sent = of(api.wait(5), "sendMessage");
  BOOST_REQUIRE_EQUAL(sent.size(), 1U);
  BOOST_TEST(sent[0]["text"].get<std::string>().find("Bot Help") != std::string::npos);
  BOOST_TEST(home.wait([&] { return home.count("bot_answer_in_doubt") == 1 && home.place->next == 7; }));
}

BOOST_AUTO_TEST_CASE(that_an_answer_begins_is_kept_before_it_is_sent) {
  BotApi api({me, fine, updates({{5, "/ping"}}), lost});
  Home home;
  std::vector<BotPlace> kept;
  auto hooks = home.hooks();
  const auto save = hooks.save;
  hooks.save = [&](const BotPlace& place) {
    {
      const std::lock_guard lock(home.mutex);
      kept.push_back(place);
    }
    return save(place);
  };
  const auto bot = TelegramBot::start(options_for(api), std::move(hooks));
  static_cast<void>(api.wait(4));
  const std::lock_guard lock(home.mutex);
  BOOST_REQUIRE(!kept.empty());
  BOOST_TEST(kept.front().begun == 5);
  BOOST_TEST(kept.front().next == 1);
}

BOOST_AUTO_TEST_CASE(what_was_written_before_the_first_start_is_skipped_and_that_is_said) {
  BotApi api({me, fine, updates({{5, "/ping"}, {6, "hello"}}), updates({{7, "/status"}}), nothing, fine, nothing});
  Home home;
  home.place.reset();
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto seen = api.wait(7);
  const auto sent = of(seen, "sendMessage");
  BOOST_REQUIRE_EQUAL(sent.size(), 1U);
  BOOST_TEST(sent[0]["text"].get<std::string>().find("2 messages that came before are not answered") != std::string::npos);
  BOOST_TEST(seen.at(6).body["offset"] == 8);
  BOOST_TEST(home.wait([&] { return home.place && home.place->next == 8; }));
}

BOOST_AUTO_TEST_CASE(another_bot_counts_anew) {
  BotApi api({me, fine, nothing, nothing});
  Home home;
  home.place = BotPlace{78, 1000, 0, wall_now()};
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  BOOST_TEST(!api.wait(3).at(2).body.contains("offset"));
}

BOOST_AUTO_TEST_CASE(after_a_silent_week_smaller_numbers_are_new_ones) {
  BotApi api({me, fine, updates({{5, "/ping"}}), fine, nothing});
  Home home;
  home.place = BotPlace{77, 900'000'000, 0, wall_now() - std::chrono::hours{24 * 8}};
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto seen = api.wait(5);
  BOOST_TEST(!seen.at(2).body.contains("offset"));
  BOOST_TEST(of(seen, "sendMessage").size() == 1U);
  BOOST_TEST(seen.at(4).body["offset"] == 6);
}

BOOST_AUTO_TEST_CASE(trouble_is_told_once_without_the_token_and_nothing_is_lost) {
  const BotApi::Answer broken{502, "bad gateway"};
  BotApi api({lost, broken, me, fine, lost, broken, updates({{5, "/ping"}}), broken, lost, fine, nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  BOOST_TEST(home.wait([&] { return home.place->next == 6; }));
  BOOST_TEST(of(api.wait(11), "sendMessage").size() == 3U);
  const std::lock_guard lock(home.mutex);
  for (const auto& [event, message] : home.notes) BOOST_TEST(message.find("SECRET") == std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(the_pause_that_the_server_asks_for_is_kept) {
  BotApi api({me,
              fine,
              updates({{5, "/ping"}}),
              {429, R"({"ok":false,"description":"Too Many Requests","parameters":{"retry_after":1}})"},
              fine,
              nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto seen = api.wait(5);
  BOOST_REQUIRE(seen.size() >= 5U);
  BOOST_TEST((seen[4].when - seen[3].when >= 990ms));
}

BOOST_AUTO_TEST_CASE(another_program_with_the_same_token_is_told_once) {
  const BotApi::Answer conflict{409, R"({"ok":false,"description":"Conflict: terminated by other getUpdates request"})"};
  BotApi api({me, fine, conflict, nothing, conflict, conflict, nothing, conflict});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  static_cast<void>(api.wait(8));
  BOOST_TEST(home.wait([&] { return home.count("bot_conflict") >= 1; }));
  BOOST_TEST(bot->standing().conflict);
  const std::lock_guard lock(home.mutex);
  BOOST_TEST(home.count("bot_conflict") == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_refused_is_given_up_and_the_next_one_goes_on) {
  const BotApi::Answer refusal{400, R"({"ok":false,"description":"Bad Request: chat not found"})"};
  BotApi api({me, fine, updates({{5, "/ping"}, {6, "/help"}}), refusal, fine, nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  BOOST_TEST(of(api.wait(6), "sendMessage").size() == 2U);
  BOOST_TEST(home.wait([&] { return home.count("bot_answer_refused") == 1 && home.place->next == 7; }));
}

BOOST_AUTO_TEST_CASE(html_that_is_refused_is_sent_as_plain_text) {
  BotApi api(
      {me, fine, updates({{5, "/ping"}}), {400, R"({"ok":false,"description":"Bad Request: can't parse entities"})"}, fine, nothing});
  Home home;
  const auto bot = TelegramBot::start(options_for(api), home.hooks());
  const auto sent = of(api.wait(6), "sendMessage");
  BOOST_REQUIRE_EQUAL(sent.size(), 2U);
  BOOST_TEST(!sent[1].contains("parse_mode"));
  BOOST_TEST(sent[1]["text"].get<std::string>().find('<') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_ends_at_once_though_it_would_pause_for_long) {
  BotApi api({me, fine, {502, "bad gateway"}});
  Home home;
  auto options = options_for(api);
  options.first_retry = options.most_retry = 600s;
  auto bot = TelegramBot::start(options, home.hooks());
  BOOST_TEST(home.wait([&] { return home.count("bot_does_not_listen") == 1; }));
  const auto begun = mono_now();
  bot.reset();
  BOOST_TEST((mono_now() - begun < 60s));
}

BOOST_AUTO_TEST_SUITE_END()
