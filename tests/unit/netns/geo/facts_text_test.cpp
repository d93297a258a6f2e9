#include "netns/geo/facts_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(facts_text_)

BOOST_AUTO_TEST_CASE(a_country_is_two_letters_in_capitals) {
  BOOST_TEST(country_word("ro") == "RO");
  for (const auto* text : {"", "R", "ROU", "Romania", "R1", "T1", "XX", "zz", "Ö"}) BOOST_TEST(country_word(text).empty(), text);
}

BOOST_AUTO_TEST_CASE(a_network_is_a_number_with_or_without_its_letters) {
  BOOST_TEST(parse_asn("AS64500").value() == 64500);
  BOOST_TEST(parse_asn("as4294967295").value() == 4294967295U);
  BOOST_TEST(parse_asn("64500").value() == 64500);
  for (const auto* text : {"", "AS", "AS0", "0", "AS-1", "AS4294967296", "AS1 ", "ASN1", "1.1"}) BOOST_TEST(!parse_asn(text), text);
}

BOOST_AUTO_TEST_CASE(number_and_name_of_a_network_share_a_line) {
  AddressFacts facts;
  take_as_line(facts, "AS64500 Example Networks");
  BOOST_TEST((facts == AddressFacts{"", "", "", "", "Example Networks", 64500}));
  AddressFacts nameless;
  take_as_line(nameless, "AS64500");
  BOOST_TEST((nameless == AddressFacts{"", "", "", "", "", 64500}));
  AddressFacts numberless;
  take_as_line(numberless, "ASUS Cloud");
  BOOST_TEST((numberless == AddressFacts{"", "", "", "", "ASUS Cloud", std::nullopt}));
}

BOOST_AUTO_TEST_CASE(texts_are_bounded_clean_and_whole_characters) {
  BOOST_TEST(facts_text("S\xc3\xa3o Paulo\x1b[2J") == "S\xc3\xa3o Paulo?[2J");
  std::string long_name = "x";
  for (int i = 0; i < 60; ++i) long_name += "\xc3\xa3";
  const auto cut = facts_text(long_name);
  BOOST_TEST(cut.size() == 99U);
  for (const auto* text : {"\xff", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
    BOOST_TEST(facts_text(text).empty());
  }
}

BOOST_AUTO_TEST_CASE(only_gaps_are_filled) {
  AddressFacts facts{"RO", "", "", "", "", std::nullopt};
  fill_gaps(facts, {"DE", "Bucharest", "B", "Europe/Bucharest", "Example", 64500});
  BOOST_TEST((facts == AddressFacts{"RO", "Bucharest", "B", "Europe/Bucharest", "Example", 64500}));
}

BOOST_AUTO_TEST_SUITE_END()
