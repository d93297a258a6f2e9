#include "hub/accounts/jwt.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/accounts/secrets.hpp"

namespace vpn_sentinel {
namespace {

const WallTime now = parse_rfc3339("2026-11-21T10:15:30Z").value();
const AccessClaims claims{7, "anna", "f", now, now + std::chrono::minutes{10}};

std::string signed_text(const std::string& header, const std::string& payload, const std::string& key = "k") {
  const auto text = to_base64url(header) + "." + to_base64url(payload);
  return text + "." + to_base64url(hmac_sha256(key, text));
}

const std::string right_header = R"({"alg":"HS256","typ":"JWT"})";
const std::string right_payload = R"({"exp":4102444800,"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":7})";

BOOST_AUTO_TEST_SUITE(jwt)

BOOST_AUTO_TEST_CASE(the_signature_is_that_of_rfc_7515_appendix_a_1) {
  const auto key = from_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").value();
  const std::string token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
      "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const auto text = verify_hs256(key, token);
  BOOST_REQUIRE(text.has_value());
  BOOST_TEST(text->header == "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}");
  BOOST_TEST(text->payload == "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
  auto changed = token;
  changed.at(60) = changed.at(60) == 'A' ? 'B' : 'A';
  BOOST_TEST(!verify_hs256(key, changed));
}

BOOST_AUTO_TEST_CASE(what_was_made_is_read_and_only_with_its_key) {
  const auto token = make_jwt("k", claims);
  BOOST_TEST(looks_like_jwt(token));
  BOOST_TEST((read_jwt("k", token, now) == claims));
  BOOST_TEST(!read_jwt("other", token, now));
}

BOOST_AUTO_TEST_CASE(a_token_ends_and_none_comes_from_the_future) {
  const auto token = make_jwt("k", claims);
  BOOST_TEST(read_jwt("k", token, claims.expires - std::chrono::seconds{1}).has_value());
  BOOST_TEST(!read_jwt("k", token, claims.expires));
  BOOST_TEST(!read_jwt("k", token, now - std::chrono::minutes{2}));
}

BOOST_AUTO_TEST_CASE(no_other_algorithm_and_no_other_header_is_taken) {
  BOOST_REQUIRE(read_jwt("k", signed_text(right_header, right_payload), now).has_value());
  for (const auto* header : {R"({"alg":"none"})", R"({"alg":"HS512"})", R"({"alg":"hs256"})", R"({})", "[]", "x",
                             R"({"alg":"HS256","crit":["b64"]})", R"({"alg":["HS256"]})"}) {
    BOOST_TEST_CONTEXT(header) { BOOST_TEST(!read_jwt("k", signed_text(header, right_payload), now)); }
  }
  const auto unsigned_token = to_base64url(R"({"alg":"none"})") + "." + to_base64url(right_payload) + ".";
  BOOST_TEST(!read_jwt("k", unsigned_token, now));
}

BOOST_AUTO_TEST_CASE(a_claim_that_is_missing_or_odd_makes_it_worthless) {
  for (const auto* payload : {"{}", "null", R"({"exp":4102444800,"iat":1795256130,"iss":"joe","sid":"f","sub":"anna","uid":7})",
                              R"({"exp":4102444800,"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":"7"})",
                              R"({"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":7})",
                              R"({"exp":1e300,"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":7})",
                              R"({"exp":99999999999999999,"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":7})",
                              R"({"exp":-1,"iat":1795256130,"iss":"vpn-sentinel-hub","sid":"f","sub":"anna","uid":7})"}) {
    BOOST_TEST_CONTEXT(payload) { BOOST_TEST(!read_jwt("k", signed_text(right_header, payload), now)); }
  }
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused_without_harm) {
  for (const auto* text : {"", ".", "..", "...", "eyJ", "a.b.c", "eyJh.eyJh.", "!.!.!"}) BOOST_TEST(!read_jwt("k", text, now));
  BOOST_TEST(!read_jwt("k", std::string(100'000, 'a'), now));
  BOOST_TEST(!looks_like_jwt("vst_x"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
