#include "netns/base/random.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <vector>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(random_)

BOOST_AUTO_TEST_CASE(hexadecimal_text_has_two_digits_for_each_byte) {
  BOOST_TEST(random_hex(0).empty());
  const auto text = random_hex(16);
  BOOST_TEST(text.size() == 32U);
  BOOST_TEST(text.find_first_not_of("0123456789abcdef") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(numbers_do_not_repeat) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_u64());
  BOOST_TEST(seen.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(a_unit_number_is_at_least_zero_and_below_one_and_uses_the_whole_range) {
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random_unit();
    BOOST_TEST_REQUIRE(value >= 0.0);
    BOOST_TEST_REQUIRE(value < 1.0);
    low = low || value < 0.25;
    high = high || value >= 0.75;
  }
  BOOST_TEST(low);
  BOOST_TEST(high);
}

BOOST_AUTO_TEST_CASE(more_bytes_than_one_system_call_gives_are_all_filled) {
  std::vector<std::byte> bytes(100'000);
  fill_random(bytes);
  std::set<std::byte> seen(bytes.end() - 4096, bytes.end());
  BOOST_TEST(seen.size() > 200U);
}

BOOST_AUTO_TEST_SUITE_END()
