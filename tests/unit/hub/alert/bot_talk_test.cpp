#include "hub/alert/bot_talk.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/alert/bot_fixture.hpp"

BOOST_AUTO_TEST_SUITE(bot_talk)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using nlohmann::json;
using test::at;

namespace {

const std::string token = "123:SECRET";
constexpr std::int64_t ours = -42;

struct Talk {
  test::BotWorld world;
  std::vector<std::string> notes;
  BotTalk talk{{{"-42", false}, {"@Pub", true}, {"5", false}}, token, world.actions(), [this](std::string_view event, const std::string&) {
                 notes.emplace_back(event);
               }};
  BotSeal seal{token};
  MonoTime mono{};
  WallTime now = at(60);
  std::int64_t last = 0;

  Talk() { talk.set_bot_name("Lab_Bot"); }

  BotUpdate message(std::string text, std::int64_t chat = ours, std::string kind = "supergroup") {
    BotUpdate update;
    update.id = ++last;
    update.kind = BotUpdate::Kind::message;
    update.chat = {chat, std::move(kind), ""};
    update.user_id = 5;
    update.user = "@ada";
    update.sent = now;
    update.message_id = 100 + last;
    update.text = std::move(text);
    update.entities = json::array();
    return update;
  }
  BotUpdate press(std::string data) {
    auto update = message("🔴 DANGER");
    update.kind = BotUpdate::Kind::press;
    update.press_id = "p";
    update.data = std::move(data);
    update.entities = json::array({{{"type", "bold"}, {"offset", 0}, {"length", 2}}});
    return update;
  }
  std::vector<BotCall> send(const BotUpdate& update) { return talk.answer(update, now, mono); }
  /// The text of the one message that comes.
  std::string ask(const std::string& text) {
    mono += 1min;
    const auto calls = send(message(text));
    BOOST_REQUIRE_EQUAL(calls.size(), 1U);
    BOOST_TEST(calls.front().method == "sendMessage");
    BOOST_TEST(calls.front().once);
    BOOST_TEST(calls.front().body["chat_id"] == ours);
    return calls.front().body["text"].get<std::string>();
  }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(every_command_is_answered) {
  Talk talk;
  BOOST_TEST(has(talk.ask("/status"), "VPN Status"));
  BOOST_TEST(has(talk.ask("/status@lab_bot"), "VPN Status"));
  BOOST_TEST(has(talk.ask("/status office-1"), "SECURE: the VPN protects"));
  BOOST_TEST(has(talk.ask("/ping"), "Active clients: 2 of 3"));
  BOOST_TEST(has(talk.ask("/help"), "/incidents"));
  BOOST_TEST(has(talk.ask("/start"), "/status"));
  BOOST_TEST(has(talk.ask("/client office-2"), "DANGER: traffic can leave"));
  BOOST_TEST(has(talk.ask("/client office"), "2 clients have"));
  BOOST_TEST(has(talk.ask("/client nobody"), "No client or group"));
  BOOST_TEST(has(talk.ask("/incidents"), "#7"));
  BOOST_TEST(has(talk.ask("/incidents home"), "No incident"));
  BOOST_TEST(has(talk.ask("/mute office-2"), "is muted until 2026-11-21 11:01:00 UTC"));
  BOOST_TEST(has(talk.ask("/mute"), "Write /mute NAME"));
  BOOST_TEST(has(talk.ask("/unmute office-2"), "come again"));
  BOOST_TEST(has(talk.ask("/unmute office-2"), "was not muted"));
  BOOST_TEST(talk.world.done.at(0) == "mute office-2 11:01:00 telegram:@ada");
}

BOOST_AUTO_TEST_CASE(a_mute_that_comes_again_ends_at_the_same_time) {
  Talk talk;
  const auto update = talk.message("/mute office-1 90");
  static_cast<void>(talk.send(update));
  talk.now += 10min;
  static_cast<void>(talk.send(update));
  BOOST_REQUIRE_EQUAL(talk.world.done.size(), 2U);
  BOOST_TEST(talk.world.done[0] == talk.world.done[1]);
}

BOOST_AUTO_TEST_CASE(a_mute_that_was_asked_for_too_long_ago_changes_nothing) {
  Talk talk;
  const auto update = talk.message("/mute office-1 5");
  talk.now += 10min;
  const auto text = talk.send(update).at(0).body["text"].get<std::string>();
  BOOST_TEST(has(text, "Asked 10 min"));
  BOOST_TEST(has(text, "is not muted"));
  BOOST_TEST(talk.world.done.empty());
}

BOOST_AUTO_TEST_CASE(a_stranger_is_told_nothing_and_named_once) {
  Talk talk;
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(talk.send(talk.message("/status", 666, "private")).empty());
    auto press = talk.press(talk.seal.data(BotPress::What::acknowledge, 7, "office-2"));
    press.chat.id = 666;
    BOOST_TEST(talk.send(press).empty());
  }
  BOOST_TEST((talk.notes == std::vector<std::string>{"bot_stranger"}));
  BOOST_TEST(talk.world.done.empty());
}

BOOST_AUTO_TEST_CASE(a_public_chat_is_known_by_its_name_and_may_see_no_addresses) {
  Talk talk;
  auto update = talk.message("/status", -777);
  update.chat.username = "pub";
  const auto text = talk.send(update).at(0).body["text"].get<std::string>();
  BOOST_TEST(has(text, "VPN Status"));
  BOOST_TEST(!has(text, "198.51.100.2"));
}

BOOST_AUTO_TEST_CASE(people_in_a_group_are_not_interrupted) {
  Talk talk;
  for (const auto* text : {"hello", "/status@other_bot", "/unknown", ""}) BOOST_TEST(talk.send(talk.message(text)).empty(), text);
  BOOST_TEST(!talk.send(talk.message("/unknown@lab_bot")).empty());
  BOOST_TEST(!talk.send(talk.message("hello", 5, "private")).empty());
}

BOOST_AUTO_TEST_CASE(an_answer_goes_to_its_topic) {
  Talk talk;
  auto update = talk.message("/ping");
  update.topic = 9;
  BOOST_TEST(talk.send(update).at(0).body["message_thread_id"] == 9);
}

BOOST_AUTO_TEST_CASE(a_flood_is_answered_a_few_times_and_then_one_complaint_comes) {
  Talk talk;
  std::size_t answers = 0;
  for (int i = 0; i < 500; ++i) answers += talk.send(talk.message("/ping")).size();
  BOOST_TEST(answers == 7U);
  talk.mono += 60s;
  BOOST_TEST(talk.send(talk.message("/ping")).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_group_that_moved_is_answered_on) {
  Talk talk;
  auto moved = talk.message("");
  moved.chat.id = -100;
  moved.moved_from = ours;
  static_cast<void>(talk.send(moved));
  BOOST_TEST(!talk.send(talk.message("/ping", -100)).empty());
  moved.chat.id = -200;
  moved.moved_from = -99;
  static_cast<void>(talk.send(moved));
  BOOST_TEST(talk.send(talk.message("/ping", -200)).empty());
}

BOOST_AUTO_TEST_CASE(who_acknowledges_is_shown_in_the_message) {
  Talk talk;
  const auto calls = talk.send(talk.press(talk.seal.data(BotPress::What::acknowledge, 7, "office-2")));
  BOOST_REQUIRE_EQUAL(calls.size(), 2U);
  BOOST_TEST(calls[0].method == "answerCallbackQuery");
  BOOST_TEST(calls[0].body["text"] == "Acknowledged");
  BOOST_TEST(calls[1].method == "editMessageText");
  BOOST_TEST(calls[1].body["text"] == "🔴 DANGER\n\n──\n✅ Acknowledged by @ada, 2026-11-21 10:01:00 UTC");
  BOOST_TEST(calls[1].body["entities"].size() == 1U);
  BOOST_TEST(!calls[1].body.contains("parse_mode"));
  BOOST_TEST(calls[1].body["reply_markup"]["inline_keyboard"][0].size() == 1U);
  BOOST_TEST((talk.world.done == std::vector<std::string>{"acknowledge 7 telegram:@ada"}));
}

BOOST_AUTO_TEST_CASE(a_second_one_is_told_who_was_first) {
  Talk talk;
  const auto data = talk.seal.data(BotPress::What::acknowledge, 7, "office-2");
  static_cast<void>(talk.send(talk.press(data)));
  auto second = talk.press(data);
  second.user = "@bob";
  const auto calls = talk.send(second);
  BOOST_TEST(calls.at(0).body["text"] == "Acknowledged already by @ada");
  BOOST_TEST(talk.world.done.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_message_that_was_muted_offers_to_take_it_back) {
  Talk talk;
  auto calls = talk.send(talk.press(talk.seal.data(BotPress::What::mute, 7, "office-2")));
  BOOST_TEST(calls.at(1).body["text"] == "🔴 DANGER\n\n──\n🔕 Muted until 2026-11-21 11:01:00 UTC by @ada");
  auto again = talk.press(talk.seal.data(BotPress::What::unmute, 7, "office-2"));
  again.text = calls[1].body["text"].get<std::string>();
  calls = talk.send(again);
  BOOST_TEST(calls.at(1).body["text"] == "🔴 DANGER");
  BOOST_TEST(talk.world.mutes.empty());
}

BOOST_AUTO_TEST_CASE(a_button_that_was_made_up_does_nothing) {
  Talk talk;
  for (const auto& data : {std::string("a.7.0123456789abcdef"), talk.seal.data(BotPress::What::acknowledge, 7, "office-1"),
                           std::string("nonsense"), talk.seal.data(BotPress::What::acknowledge, 8, "office-2")}) {
    const auto calls = talk.send(talk.press(data));
    BOOST_REQUIRE_EQUAL(calls.size(), 1U);
    BOOST_TEST(calls[0].method == "answerCallbackQuery");
    BOOST_TEST(calls[0].body["show_alert"] == true);
  }
  BOOST_TEST(talk.world.done.empty());
}

BOOST_AUTO_TEST_CASE(readers_of_a_channel_press_in_vain_unless_their_own_chat_is_allowed) {
  Talk talk;
  auto press = talk.press(talk.seal.data(BotPress::What::acknowledge, 7, "office-2"));
  press.chat.kind = "channel";
  press.user_id = 99;
  BOOST_TEST(talk.send(press).size() == 1U);
  BOOST_TEST(talk.world.done.empty());
  press.user_id = 5;
  BOOST_TEST(talk.send(press).size() == 2U);
  BOOST_TEST(talk.world.done.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_the_hub_could_not_do_is_never_called_done) {
  Talk talk;
  talk.world.works = false;
  BOOST_TEST(has(talk.ask("/mute office-1"), "cannot answer that now: the disk is full"));
  BOOST_TEST(has(talk.ask("/unmute office-1"), "cannot answer that now"));
  BOOST_TEST(has(talk.ask("/incidents"), "cannot answer that now"));
  const auto calls = talk.send(talk.press(talk.seal.data(BotPress::What::acknowledge, 7, "office-2")));
  BOOST_REQUIRE_EQUAL(calls.size(), 1U);
  BOOST_TEST(has(calls[0].body["text"].get<std::string>(), "the disk is full"));
}

BOOST_AUTO_TEST_CASE(pages_are_turned_in_the_message) {
  Talk talk;
  for (int i = 0; i < 20; ++i) talk.world.clients.push_back(test::bot_client("many-" + std::to_string(i), State::secure, at(0)));
  const auto calls = talk.send(talk.press("s.1"));
  BOOST_REQUIRE_EQUAL(calls.size(), 2U);
  BOOST_TEST(calls[1].method == "editMessageText");
  BOOST_TEST(has(calls[1].body["text"].get<std::string>(), "Page 2 of 3"));
  BOOST_TEST(calls[1].body["parse_mode"] == "HTML");
}

BOOST_AUTO_TEST_CASE(a_text_that_would_become_too_long_keeps_its_words) {
  Talk talk;
  auto press = talk.press(talk.seal.data(BotPress::What::acknowledge, 7, "office-2"));
  press.text = std::string(4090, 'x');
  BOOST_TEST(talk.send(press).at(1).method == "editMessageReplyMarkup");
}

BOOST_AUTO_TEST_SUITE_END()
