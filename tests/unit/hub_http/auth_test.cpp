#include "hub/http/auth.hpp"

#include <sodium.h>

#include <boost/test/unit_test.hpp>

#include "fake_request.hpp"

namespace vpn_sentinel {
namespace {

struct Sodium {
  Sodium() { BOOST_REQUIRE(sodium_init() >= 0); }
};

/// 0: the gate lets it pass.
int status(const Gate& gate, const FakeRequest& request) {
  const auto refused = gate(request.view());
  return refused ? refused->status : 0;
}

FakeRequest with(std::string name, std::string value) { return {.headers = {{std::move(name), std::move(value)}}}; }

BOOST_AUTO_TEST_SUITE(auth, *boost::unit_test::fixture<Sodium>())

BOOST_AUTO_TEST_CASE(the_key_is_taken_from_either_header) {
  const auto gate = require_key("secret");
  BOOST_TEST(status(gate, with("x-api-key", "secret")) == 0);
  BOOST_TEST(status(gate, with("Authorization", "Bearer secret")) == 0);
  BOOST_TEST(status(gate, with("Authorization", "bearer   secret")) == 0);
}

BOOST_AUTO_TEST_CASE(a_missing_key_is_401_and_a_wrong_one_403_in_the_original_words) {
  const auto gate = require_key("secret");
  const auto missing = gate(FakeRequest{}.view());
  BOOST_TEST_REQUIRE(missing.has_value());
  BOOST_TEST(missing->status == 401);
  BOOST_TEST(missing->body == "{\"error\":\"Authentication required\",\"message\":\"X-API-Key header is required\"}\n");
  const auto wrong = gate(with("X-API-Key", "Secret").view());
  BOOST_TEST_REQUIRE(wrong.has_value());
  BOOST_TEST(wrong->status == 403);
  BOOST_TEST(wrong->body == "{\"error\":\"Authentication failed\",\"message\":\"Invalid API key\"}\n");
}

BOOST_AUTO_TEST_CASE(what_merely_resembles_the_key_is_refused) {
  const auto gate = require_key("secret");
  for (const auto* key : {"secre", "secrett", "secret ", " secret", "SECRET", "\0secret"}) {
    BOOST_TEST_CONTEXT(key) { BOOST_TEST(status(gate, with("X-API-Key", key)) != 0); }
  }
  for (const auto* value : {"secret", "Basic secret", "Bearersecret", "Bearer", "Bearer ", "Bearer wrong"}) {
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(status(gate, with("Authorization", value)) != 0); }
  }
}

BOOST_AUTO_TEST_CASE(basic_takes_any_user_name_with_the_password) {
  const auto gate = require_password("pa:ss wörd");
  const auto encoded = [](std::string_view text) {
    std::string out(sodium_base64_ENCODED_LEN(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    out.pop_back();
    return "Basic " + out;
  };
  BOOST_TEST(status(gate, with("Authorization", encoded("anybody:pa:ss wörd"))) == 0);
  BOOST_TEST(status(gate, with("Authorization", encoded(":pa:ss wörd"))) == 0);
  BOOST_TEST(status(gate, with("Authorization", encoded("pa:ss wörd"))) == 401);
  BOOST_TEST(status(gate, with("Authorization", encoded("user:"))) == 401);
  BOOST_TEST(status(gate, with("Authorization", "Basic ****")) == 401);
  BOOST_TEST(status(gate, with("Authorization", "Basic ")) == 401);
  BOOST_TEST(status(gate, {}) == 401);
}

BOOST_AUTO_TEST_CASE(a_401_tells_the_browser_to_ask_for_a_password) {
  const auto refused = require_password("x")(FakeRequest{}.view());
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->headers.at(0).first == "WWW-Authenticate");
  BOOST_TEST(refused->headers.at(0).second.starts_with("Basic "));
}

BOOST_AUTO_TEST_CASE(only_allowed_addresses_pass_and_forwarded_ones_do_not_count) {
  const auto gate = allow_addresses({IpPrefix::parse("192.0.2.0/24").value(), IpPrefix::parse("2001:db8::7").value()});
  BOOST_TEST(status(gate, {.peer = "192.0.2.9"}) == 0);
  BOOST_TEST(status(gate, {.peer = "2001:db8::7"}) == 0);
  BOOST_TEST(status(gate, {.peer = "2001:db8::8"}) == 403);
  BOOST_TEST(status(gate, {.peer = "198.51.100.1", .headers = {{"X-Forwarded-For", "192.0.2.9"}, {"X-Real-IP", "192.0.2.9"}}}) == 403);
}

BOOST_AUTO_TEST_CASE(a_name_that_was_made_to_resolve_to_loopback_is_refused) {
  const auto gate = require_loopback_host();
  BOOST_TEST(status(gate, with("Host", "localhost:8080")) == 0);
  BOOST_TEST(status(gate, with("Host", "rebound.example:8080")) == 421);
  BOOST_TEST(status(gate, {}) == 421);
}

BOOST_AUTO_TEST_CASE(pages_of_other_sites_are_refused_and_programs_are_not) {
  const auto gate = refuse_other_sites();
  BOOST_TEST(status(gate, with("Host", "localhost:5000")) == 0);
  BOOST_TEST(status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "http://localhost:5000"}}}) == 0);
  BOOST_TEST(status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "http://evil.example"}}}) == 403);
  BOOST_TEST(status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "null"}}}) == 403);
}

BOOST_AUTO_TEST_CASE(the_first_gate_that_refuses_decides) {
  const std::vector<Gate> gates{allow_addresses({}), require_key("k")};
  const FakeRequest request;
  const auto refused = pass_gates(gates, request.view());
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->status == 403);
  BOOST_TEST(!pass_gates({}, request.view()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
