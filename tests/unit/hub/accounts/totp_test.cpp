#include "hub/accounts/totp.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/accounts/secrets.hpp"

namespace vpn_sentinel {
namespace {

/// The secret of RFC 4226 appendix D and RFC 6238 appendix B.
const std::string secret = "12345678901234567890";

WallTime at(std::int64_t seconds) { return WallTime{std::chrono::seconds{seconds}}; }

BOOST_AUTO_TEST_SUITE(totp)

BOOST_AUTO_TEST_CASE(codes_are_those_of_rfc_4226) {
  const std::vector<std::string> codes{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"};
  for (std::size_t i = 0; i < codes.size(); ++i) BOOST_TEST(hotp(secret, i) == codes.at(i));
}

BOOST_AUTO_TEST_CASE(codes_of_eight_digits_are_those_of_rfc_6238) {
  const std::vector<std::pair<std::int64_t, std::string>> table{{59, "94287082"},         {1111111109, "07081804"},
                                                                {1111111111, "14050471"}, {1234567890, "89005924"},
                                                                {2000000000, "69279037"}, {20000000000, "65353130"}};
  for (const auto& [seconds, code] : table) BOOST_TEST(hotp(secret, static_cast<std::uint64_t>(totp_step(at(seconds))), 8) == code);
}

BOOST_AUTO_TEST_CASE(the_step_before_and_the_one_after_are_taken_and_no_others) {
  for (const std::uint64_t step : {999U, 1000U, 1001U}) {
    BOOST_TEST((matching_step(secret, hotp(secret, step), at(1000 * 30), 0) == static_cast<std::int64_t>(step)));
  }
  for (const std::uint64_t step : {998U, 1002U}) BOOST_TEST(!matching_step(secret, hotp(secret, step), at(1000 * 30), 0));
}

BOOST_AUTO_TEST_CASE(a_code_that_was_used_and_those_before_it_are_refused) {
  const auto code = hotp(secret, 1000);
  BOOST_TEST(matching_step(secret, code, at(1000 * 30), 999).has_value());
  BOOST_TEST(!matching_step(secret, code, at(1000 * 30), 1000));
  BOOST_TEST(!matching_step(secret, hotp(secret, 999), at(1000 * 30), 1000));
  BOOST_TEST(matching_step(secret, hotp(secret, 1001), at(1000 * 30), 1000).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_code_matches_nothing) {
  for (const auto* code : {"", "1", "0000000", "abcdef"}) BOOST_TEST(!matching_step(secret, code, at(1000 * 30), 0));
}

BOOST_AUTO_TEST_CASE(secrets_have_160_bits_and_are_shown_in_base32) {
  const auto made = make_totp_secret();
  BOOST_TEST(made.size() == 20U);
  BOOST_TEST(made != make_totp_secret());
  BOOST_TEST(to_base32(made).size() == 32U);
  BOOST_TEST(otpauth_uri(secret, "anna").find("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(base32_is_that_of_rfc_4648) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"}, {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
  for (const auto& [bytes, text] : table) BOOST_TEST(to_base32(bytes) == text);
}

BOOST_AUTO_TEST_CASE(codes_for_people_are_read_as_they_were_meant) {
  const auto code = random_code(12);
  BOOST_TEST(code.size() == 14U);
  BOOST_TEST(plain_code(code).size() == 12U);
  BOOST_TEST(plain_code("ab-c d2") == "ABCD2");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
