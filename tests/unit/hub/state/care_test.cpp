#include "hub/state/care.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(care)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using test::at;

BOOST_AUTO_TEST_CASE(a_pattern_matches_by_stars_and_question_marks_only) {
  for (const auto& [pattern, text] : {std::pair{"*", ""},
                                      {"*", "office"},
                                      {"office-*", "office-"},
                                      {"office-*", "office-7"},
                                      {"*-7", "office-7"},
                                      {"o?fice", "office"},
                                      {"a*b*c", "a1b2b3c"},
                                      {"[a]", "[a]"},
                                      {"**", "x"},
                                      {"*a*", "banana"}}) {
    BOOST_TEST_CONTEXT(pattern << " " << text) { BOOST_TEST(matches_pattern(pattern, text)); }
  }
  for (const auto& [pattern, text] :
       {std::pair{"", "x"}, {"office", "office-7"}, {"office-*", "Office-7"}, {"?", ""}, {"[ab]", "a"}, {"a*b*c", "a1c2b"}}) {
    BOOST_TEST_CONTEXT(pattern << " " << text) { BOOST_TEST(!matches_pattern(pattern, text)); }
  }
}

BOOST_AUTO_TEST_CASE(a_pattern_of_stars_does_not_take_for_ever) {
  const std::string text(2'000, 'a');
  std::string pattern;
  for (int i = 0; i < 1'000; ++i) pattern += "a*";
  BOOST_TEST(!matches_pattern(pattern + "b", text));
}

BOOST_AUTO_TEST_CASE(a_mute_counts_until_its_end_and_that_of_a_group_for_its_members) {
  Care care;
  care.mutes["office"] = {"office", at(60), "anna", at(0)};
  care.mutes["group:berlin"] = {"group:berlin", std::nullopt, "anna", at(0)};
  BOOST_TEST(care.mute_of("office", "", at(59)) != nullptr);
  BOOST_TEST(care.mute_of("office", "", at(60)) == nullptr);
  BOOST_TEST(care.mute_of("b-1", "berlin", at(1e6)) != nullptr);
  BOOST_TEST(care.mute_of("group:berlin", "", at(1)) != nullptr);
  BOOST_TEST(care.mute_of("b-1", "", at(1)) == nullptr);
  BOOST_TEST(care.mute_of("other", "paris", at(1)) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_window_holds_from_its_first_moment_to_its_last) {
  Care care;
  care.windows[1] = {1, "move", {"berlin-*", "gate"}, at(10), at(20)};
  BOOST_TEST(care.window_of("berlin-1", at(9)) == nullptr);
  BOOST_TEST(care.window_of("berlin-1", at(10)) != nullptr);
  BOOST_TEST(care.window_of("gate", at(19)) != nullptr);
  BOOST_TEST(care.window_of("gate", at(20)) == nullptr);
  BOOST_TEST(care.window_of("paris", at(15)) == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_read_as_it_was_and_what_is_wrong_is_nothing) {
  for (const auto& mute : {Mute{"office", std::nullopt, "anna", at(1), "noise"}, Mute{"group:a", at(9), "bert", at(2)}}) {
    BOOST_TEST((parse_mute(to_json(mute).dump()) == mute));
  }
  const MaintenanceWindow window{7, "move", {"a*", "b"}, at(1), at(2), "why", "anna"};
  BOOST_TEST((parse_maintenance(to_json(window).dump()) == window));
  const std::optional<Acknowledgement> seen{{"anna", at(3), "on it"}};
  BOOST_TEST((parse_acknowledgement(to_json(seen)) == seen));
  BOOST_TEST(!parse_acknowledgement(to_json(std::optional<Acknowledgement>())));
  for (const auto* text : {"", "[]", "{}", "7", R"({"subject":7,"until":null,"by":"a","at":"x","reason":""})",
                           R"({"subject":"a","until":"soon","by":"a","at":"x","reason":""})"}) {
    BOOST_TEST(!parse_mute(text));
    BOOST_TEST(!parse_maintenance(text));
  }
}

BOOST_AUTO_TEST_SUITE_END()
