#include "hub/accounts/code_brake.hpp"

#include <boost/test/unit_test.hpp>

namespace vpn_sentinel {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Guesser {
  CodeBrake brake;
  MonoTime now{hours{1}};

  /// Waits as long as it has to, guesses wrong, and returns how long the next one waits.
  seconds guess(std::int64_t user = 1) {
    now += brake.wait(user, now).value_or(nanoseconds{0});
    brake.failed(user, now);
    return std::chrono::ceil<seconds>(brake.wait(user, now).value_or(nanoseconds{0}));
  }
};

BOOST_FIXTURE_TEST_SUITE(code_brake, Guesser)

BOOST_AUTO_TEST_CASE(a_few_wrong_codes_cost_nothing_and_each_further_one_twice_as_much_up_to_an_hour) {
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 14; ++i) waits.push_back(guess().count());
  const std::vector<std::int64_t> expected{0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
  BOOST_TEST(waits == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_guesses_for_a_year_has_few_guesses) {
  const auto end = now + hours{24 * 365};
  int guesses = 0;
  for (; now < end; ++guesses) guess();
  BOOST_TEST(guesses < 24 * 365 + 20);
}

BOOST_AUTO_TEST_CASE(other_users_wait_for_nothing) {
  for (int i = 0; i < 9; ++i) guess();
  BOOST_TEST(guess(2).count() == 0);
}

BOOST_AUTO_TEST_CASE(a_right_code_and_a_day_without_a_wrong_one_begin_anew) {
  for (int i = 0; i < 9; ++i) guess();
  brake.succeeded(1);
  BOOST_TEST(guess().count() == 0);
  for (int i = 0; i < 9; ++i) guess();
  now += hours{25};
  BOOST_TEST(guess().count() == 0);
}

BOOST_AUTO_TEST_CASE(a_recovery_code_is_told_from_what_can_be_guessed) {
  for (const auto* code : {"ABCD-EFGH-2345", "abcdefgh2345", " abcd efgh 2345"}) BOOST_TEST(looks_like_recovery_code(code));
  for (const auto* code : {"", "123456", "123 456", "ABCD-EFGH-234"}) BOOST_TEST(!looks_like_recovery_code(code));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
