#include <boost/test/unit_test.hpp>
#include <string>

#include "probe/report/report.hpp"

using namespace vpn_sentinel;

namespace {
// Not inline: g++ 12 warns of an overflow that is none when it sees the length (gcc bug 105329).
[[gnu::noinline]] std::string letters(std::size_t count) { return std::string(count, 'a'); }
}  // namespace

BOOST_AUTO_TEST_SUITE(client_id)

BOOST_AUTO_TEST_CASE(a_free_text_becomes_an_id_as_in_the_python_original) {
  const struct {
    const char* text;
    const char* id;
  } rows[]{
      {"Office_VPN  Primary!", "office-vpn-primary"},
      {"office-vpn-primary", "office-vpn-primary"},
      {"--a--b--", "a-b"},
      {"UPPER", "upper"},
      {"a.b_c", "a-b-c"},
      {"Toru\xc5\x84", "toru"},
      {"", "sanitized-client"},
      {"!!!", "sanitized-client"},
      {"42", "42"},
  };
  for (const auto& row : rows) BOOST_TEST(sanitize_client_id(row.text) == row.id);
}

BOOST_AUTO_TEST_CASE(an_id_is_never_longer_than_100_and_never_ends_with_a_dash) {
  BOOST_TEST(sanitize_client_id(letters(300)) == letters(100));
  BOOST_TEST(sanitize_client_id(letters(99) + " b") == letters(99));
}

BOOST_AUTO_TEST_CASE(whatever_is_sanitized_is_valid) {
  for (int first = 0; first < 256; ++first) {
    for (const auto* const rest : {"", "x", "-", " y "}) {
      const auto id = sanitize_client_id(std::string(1, static_cast<char>(first)) + rest);
      BOOST_TEST(is_valid_client_id(id), id);
      BOOST_TEST(sanitize_client_id(id) == id);
    }
  }
  BOOST_TEST(is_valid_client_id(sanitize_client_id("Unknown")));
}

BOOST_AUTO_TEST_CASE(valid_ids_are_what_the_python_original_takes) {
  for (const std::string id : {"a", "Office.VPN_1-x", "-", "..", "Unknown"}) BOOST_TEST(is_valid_client_id(id), id);
  BOOST_TEST(is_valid_client_id(letters(100)));
  for (const std::string id : {"", "unknown", "a b", "a/b", "a\n", "\xc5\x84", "a:b"}) BOOST_TEST(!is_valid_client_id(id), id);
  BOOST_TEST(!is_valid_client_id(letters(101)));
  BOOST_TEST(!is_valid_client_id(std::string("a\0b", 3)));
}

BOOST_AUTO_TEST_SUITE_END()
