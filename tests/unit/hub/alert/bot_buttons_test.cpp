#include "hub/alert/bot_buttons.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

BOOST_AUTO_TEST_SUITE(bot_buttons)

using namespace vpn_sentinel;
using What = BotPress::What;

namespace {

const BotSeal seal("123:SECRET");
constexpr std::int64_t largest = 9'223'372'036'854'775'807;

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_button_carries_comes_back_and_is_ours) {
  for (const auto what : {What::acknowledge, What::mute, What::unmute}) {
    for (const auto incident : {std::int64_t{1}, largest}) {
      const auto data = seal.data(what, incident, "office-1");
      BOOST_TEST(data.size() <= 64U);
      const auto press = parse_bot_press(data);
      BOOST_REQUIRE(press.has_value());
      BOOST_TEST((press->what == what));
      BOOST_TEST(press->incident == incident);
      BOOST_TEST(seal.is_ours(*press, "office-1"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_button_of_another_client_incident_action_or_bot_is_not_ours) {
  const auto press = parse_bot_press(seal.data(What::acknowledge, 7, "office-1")).value();
  BOOST_TEST(!seal.is_ours(press, "office-2"));
  auto other = press;
  other.incident = 8;
  BOOST_TEST(!seal.is_ours(other, "office-1"));
  other = press;
  other.what = What::mute;
  BOOST_TEST(!seal.is_ours(other, "office-1"));
  BOOST_TEST(!BotSeal("123:OTHER").is_ours(press, "office-1"));
  other = press;
  other.signature.front() = other.signature.front() == 'A' ? 'B' : 'A';
  BOOST_TEST(!seal.is_ours(other, "office-1"));
}

BOOST_AUTO_TEST_CASE(what_no_button_carries_is_nothing) {
  for (const auto* data :
       {"", "a", "a.", "a.1", "a.1.", "a.0.0123456789abcdef", "a.-1.0123456789abcdef", "a.1.short", "x.1.0123456789abcdef", "s.", "s.-1",
        "s.1x", "s.99999", "s.99999999999999999999", "a.99999999999999999999.0123456789abcdef", "i.0.0"}) {
    BOOST_TEST(!parse_bot_press(data).has_value(), data);
  }
  BOOST_TEST((parse_bot_press("s.3") == BotPress{What::status, 0, "", 3}));
}

BOOST_AUTO_TEST_CASE(an_alert_offers_what_is_left_to_do) {
  const auto texts = [](ButtonState state) {
    std::set<std::string> list;
    const auto markup = alert_buttons(seal, 1, "office-1", state);
    for (const auto& button : markup["inline_keyboard"][0]) list.insert(button["text"].get<std::string>());
    return list;
  };
  BOOST_TEST((texts({}) == std::set<std::string>{"✅ Acknowledge", "🔕 Mute 1 h"}));
  BOOST_TEST((texts({true, false}) == std::set<std::string>{"🔕 Mute 1 h"}));
  BOOST_TEST((texts({true, true}) == std::set<std::string>{"🔔 Unmute"}));
}

BOOST_AUTO_TEST_CASE(pages_have_neighbours_where_there_are_some) {
  const auto count = [](std::size_t page, std::size_t pages) {
    return page_buttons(What::status, page, pages)["inline_keyboard"][0].size();
  };
  BOOST_TEST(count(0, 1) == 1U);
  BOOST_TEST(count(0, 3) == 2U);
  BOOST_TEST(count(1, 3) == 3U);
  BOOST_TEST(count(2, 3) == 2U);
  BOOST_TEST(page_buttons(What::status, 1, 3)["inline_keyboard"][0][2]["callback_data"] == "s.2");
}

BOOST_AUTO_TEST_SUITE_END()
