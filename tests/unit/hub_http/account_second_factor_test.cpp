#include <atomic>
#include <boost/test/unit_test.hpp>

#include "account_fixture.hpp"
#include "hub/accounts/totp.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

std::string code_at(const std::string& secret, std::int64_t steps_later) {
  return hotp(secret, static_cast<std::uint64_t>(totp_step(wall_now()) + steps_later));
}

/// The bytes of what an authenticator is told (RFC 4648 6).
std::string from_base32(const std::string& text) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string bytes;
  unsigned bits = 0;
  unsigned waiting = 0;
  for (const char c : text) {
    waiting = (waiting << 5U | static_cast<unsigned>(letters.find(c))) & 0xfffU;
    bits += 5;
    if (bits >= 8) bytes += static_cast<char>(waiting >> (bits -= 8) & 0xffU);
  }
  return bytes;
}

/// anna has a second factor, and a clock that tests move.
struct SecondFactor : AccountApiFixture {
  std::shared_ptr<std::atomic<std::int64_t>> time = std::make_shared<std::atomic<std::int64_t>>(0);  ///< seconds
  std::string secret;
  json attempt = credentials_of("anna");

  void open_with_clock() {
    Access::Options options;
    options.now = [time = time] { return MonoTime{std::chrono::hours{1} + std::chrono::seconds{*time}}; };
    access = std::make_shared<Access>(AccessRules{}, std::move(options));
    open();
  }
  /// Confirmed with the code of now. The recovery codes.
  json begin_second_factor() {
    const auto anna = logged_in("anna");
    secret = from_base32(post("/session/totp", {{"password", usual_password}}, anna).body["secret"]);
    return post("/session/totp/confirm", {{"code", code_at(secret, 0)}}, anna).body["recovery_codes"];
  }
  Answer guess(const std::string& code) {
    *time += 6;  // as fast as the address may
    attempt["code"] = code;
    return post("/login", attempt);
  }
};

BOOST_FIXTURE_TEST_SUITE(account_second_factor, SecondFactor)

BOOST_AUTO_TEST_CASE(a_second_factor_is_asked_for_after_the_password_only) {
  open();
  const auto anna = logged_in("anna");
  BOOST_TEST(post("/session/totp", {{"password", "wrong password"}}, anna).status == 403);
  const auto begun = post("/session/totp", {{"password", usual_password}}, anna);
  BOOST_REQUIRE(begun.status == 200);
  BOOST_TEST(begun.body["uri"].get<std::string>().starts_with("otpauth://totp/"));
  BOOST_TEST(post("/session/totp/confirm", {{"code", "x"}}, anna).status == 403);
  // The secret itself is in no answer but the base32 text; the file has it as soon as it is confirmed, which needs a code first.
  secret = from_base32(begun.body["secret"]);
  const auto confirmed = post("/session/totp/confirm", {{"code", code_at(secret, 0)}}, anna);
  BOOST_REQUIRE(confirmed.status == 200);
  BOOST_TEST(confirmed.body["recovery_codes"].size() == 10U);

  attempt["password"] = "wrong password";
  BOOST_TEST(!post("/login", attempt).body.contains("code_required"));
  attempt["password"] = usual_password;
  const auto asked = post("/login", attempt);
  BOOST_TEST(asked.status == 401);
  BOOST_TEST(asked.body["code_required"] == true);
  attempt["code"] = code_at(secret, 0);  // confirmed with it
  BOOST_TEST(post("/login", attempt).status == 401);
  attempt["code"] = code_at(secret, 1);
  const auto in = post("/login", attempt);
  BOOST_TEST(in.status == 200);
  BOOST_TEST(in.body["user"]["totp"] == true);
  BOOST_TEST(post("/login", attempt).status == 401);
  attempt["code"] = confirmed.body["recovery_codes"][0];
  BOOST_TEST(post("/login", attempt).status == 200);
  BOOST_TEST(post("/session/totp/remove", {{"password", usual_password}}, anna).status == 200);
  attempt.erase("code");
  BOOST_TEST(post("/login", attempt).status == 200);
}

BOOST_AUTO_TEST_CASE(wrong_codes_make_their_user_wait_longer_and_longer_and_nobody_else_can) {
  open_with_clock();
  const auto recovery = begin_second_factor();
  // Who does not know the password reaches no code, so that he makes nobody wait.
  attempt["password"] = "wrong password";
  for (int i = 0; i < 20; ++i) BOOST_TEST(guess("000000").status == 401);
  attempt["password"] = usual_password;
  for (int i = 0; i < 5; ++i) BOOST_TEST(guess("000000").status == 401);
  const auto braked = guess(code_at(secret, 1));
  BOOST_TEST(braked.status == 429);
  BOOST_TEST(braked.seconds == "24");
  BOOST_TEST(braked.body["code_required"] == true);
  BOOST_TEST(braked.body["message"].get<std::string>().find("is looked at in 24 s") != std::string::npos);
  BOOST_TEST(post("/login", credentials_of("oscar")).status == 200);
  *time += 24;
  BOOST_TEST(guess("000000").status == 401);
  BOOST_TEST(guess("000000").seconds == "54");
  BOOST_TEST(guess(recovery[0]).status == 200);
  BOOST_TEST(guess(code_at(secret, 1)).status == 200);
}

BOOST_AUTO_TEST_CASE(who_guesses_codes_at_two_listeners_has_no_more_tries_than_at_one) {
  open();
  static_cast<void>(begin_second_factor());
  auto other = make_service();
  attempt["code"] = "000000";
  for (unsigned i = 0; i < CodeBrake::free_tries; ++i) {
    BOOST_TEST(post("/login", attempt).status == 401);
    std::swap(service, other);
  }
  attempt["code"] = code_at(secret, 1);
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(post("/login", attempt).status == 429);
    std::swap(service, other);
  }
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_recovery_code_makes_nobody_wait_longer) {
  open_with_clock();
  static_cast<void>(begin_second_factor());
  for (unsigned i = 0; i < CodeBrake::free_tries; ++i) BOOST_TEST(guess("000000").status == 401);
  for (int i = 0; i < 4; ++i) BOOST_TEST(guess("ABCD-EFGH-2345").status == 401);
  BOOST_TEST(guess(code_at(secret, 1)).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
