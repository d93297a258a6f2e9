#include "hub/ingest/country.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(country)

using vpn_sentinel::country_code;

BOOST_AUTO_TEST_CASE(codes_and_english_names_in_any_case_give_the_alpha_2_code) {
  struct Row {
    const char* text;
    const char* code;
  };
  for (const auto& row : {Row{"RO", "RO"}, Row{"ro", "RO"}, Row{"Romania", "RO"}, Row{"united states", "US"}, Row{"United Kingdom", "GB"},
                          Row{"UK", "GB"}, Row{"Netherlands", "NL"}, Row{"The Netherlands", "NL"}, Row{"Czechia", "CZ"},
                          Row{"Türkiye", "TR"}, Row{"South Korea", "KR"}, Row{"Russian Federation", "RU"}}) {
    BOOST_TEST_CONTEXT(row.text) { BOOST_TEST(country_code(row.text).value_or("") == row.code); }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_country_has_no_code) {
  for (const char* text : {"", "XX", "T1", "Unknown", "Bucharest", "R", "ROU "}) {
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(!country_code(text)); }
  }
}

BOOST_AUTO_TEST_SUITE_END()
