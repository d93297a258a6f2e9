#include "hub/alert/bot_command.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(bot_command)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using Verb = BotCommand::Verb;

namespace {

BotCommand parse(std::string_view text) { return parse_bot_command(text, "Lab_Bot"); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_command_is_known_in_any_case_and_by_the_name_of_the_bot) {
  for (const auto* text : {"/status", "/STATUS", " /status ", "/status@Lab_Bot", "/Status@lab_bot", "\n/status\n"}) {
    BOOST_TEST((parse(text).verb == Verb::status), text);
  }
  BOOST_TEST(parse("/status@lab_bot").addressed);
  BOOST_TEST(!parse("/status").addressed);
}

BOOST_AUTO_TEST_CASE(a_command_for_another_bot_and_plain_text_are_none) {
  for (const auto* text : {"/status@OtherBot", "/mute@other office-1", "status", "", "   ", "hello /status"}) {
    BOOST_TEST((parse(text).verb == Verb::none), text);
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_command_names_its_word) {
  const auto command = parse("/stauts now");
  BOOST_TEST((command.verb == Verb::unknown));
  BOOST_TEST(command.name == "stauts");
  BOOST_TEST((parse("/<b>").verb == Verb::unknown));
  BOOST_TEST(parse("/<b>").name.empty());
}

BOOST_AUTO_TEST_CASE(a_mute_is_for_an_hour_unless_it_says_otherwise) {
  BOOST_TEST((parse("/mute office-1").minutes == 60min));
  BOOST_TEST((parse("/mute office-1 90").minutes == 90min));
  BOOST_TEST((parse("/mute group:office 2h").minutes == 120min));
  BOOST_TEST((parse("/mute office-1 3D").minutes == std::chrono::minutes{3 * 24 * 60}));
  BOOST_TEST((!parse("/mute office-1 forever").minutes));
  BOOST_TEST((parse("/mute office-1 forever").verb == Verb::mute));
  BOOST_TEST(parse("/mute group:office 2h").name == "group:office");
}

BOOST_AUTO_TEST_CASE(arguments_that_a_command_does_not_take_are_told) {
  for (const auto* text : {"/mute", "/mute a 0", "/mute a -5", "/mute a 366d", "/mute a 99999999999999999999", "/mute a 5x", "/mute a 1 2",
                           "/client", "/client a b", "/client <b>", "/unmute", "/client ../../etc"}) {
    const auto command = parse(text);
    BOOST_TEST((command.verb == Verb::wrong), text);
    BOOST_TEST(!command.problem.empty(), text);
  }
  BOOST_TEST((parse("/client " + std::string(200, 'a')).verb == Verb::wrong));
}

BOOST_AUTO_TEST_CASE(minutes_stay_within_a_year) {
  BOOST_TEST((parse_bot_minutes("525600") == 525'600min));
  BOOST_TEST((!parse_bot_minutes("525601")));
  BOOST_TEST((parse_bot_minutes("52w") == std::chrono::minutes{52 * 7 * 24 * 60}));
  BOOST_TEST((!parse_bot_minutes("53w")));
  BOOST_TEST((!parse_bot_minutes("")));
  BOOST_TEST((!parse_bot_minutes("h")));
}

BOOST_AUTO_TEST_SUITE_END()
