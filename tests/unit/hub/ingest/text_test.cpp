#include "hub/ingest/text.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(text)

using namespace vpn_sentinel;

BOOST_AUTO_TEST_CASE(length_counts_characters_not_bytes) {
  BOOST_TEST(code_points("Toruń") == 5U);
  BOOST_TEST(is_plain_text("Toruń", 5));
  BOOST_TEST(!is_plain_text("Toruń", 4));
}

BOOST_AUTO_TEST_CASE(letters_of_every_script_are_plain_text) {
  for (const char* text : {"São Paulo", "AT&T", "Foo (Bar)", "東京", "Санкт-Петербург", "a<b>\"c\""}) BOOST_TEST(is_plain_text(text, 100));
}

BOOST_AUTO_TEST_CASE(control_characters_and_direction_marks_are_found) {
  for (const char* text : {"a\nb", "a\tb", "\x1b[31m", "a\x7f", "a\xc2\x85", "a\xe2\x80\xa8", "a\xe2\x80\xae", "a\xe2\x81\xa6"}) {
    BOOST_TEST(has_control_characters(text));
  }
}

BOOST_AUTO_TEST_CASE(control_characters_are_replaced_at_any_depth_and_in_keys) {
  nlohmann::json value{{"a\nb", {{"list", {"x\ty", 1, nullptr}}}}, {"plain", "stays"}};
  replace_control_characters(value);
  BOOST_TEST(value == (nlohmann::json{{"a?b", {{"list", {"x?y", 1, nullptr}}}}, {"plain", "stays"}}));
}

BOOST_AUTO_TEST_CASE(white_space_is_cut_at_both_ends_only) {
  BOOST_TEST(trimmed("  a b\r\n") == "a b");
  BOOST_TEST(trimmed(" \t ").empty());
}

BOOST_AUTO_TEST_SUITE_END()
