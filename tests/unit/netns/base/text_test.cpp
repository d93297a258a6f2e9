#include "netns/base/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(nothing_that_a_terminal_obeys_remains) {
  const struct {
    std::string_view text;
    std::string_view expected;
  } rows[]{{"wg0", "wg0"},
           {"", ""},
           {"\033[2Jwg0", "?[2Jwg0"},
           {"a\nb\tc\rd\x7f", "a?b?c?d?"},
           {"\xc2\x9b"
            "31m",
            "?31m"},  // CSI as one character of C1
           {"b\xc3\xbcro \xe2\x86\x92", "b\xc3\xbcro \xe2\x86\x92"},
           {"\xc2\xa0\xc2", "\xc2\xa0\xc2"},
           {{"\0x", 2}, "?x"}};
  for (const auto& row : rows) BOOST_TEST(without_control_characters(row.text) == row.expected);
}

BOOST_AUTO_TEST_SUITE_END()
