#include "hub/http/auth.hpp"

#include <sodium.h>

#include <boost/test/unit_test.hpp>

#include "auth_door.hpp"

namespace vpn_sentinel {
namespace {

FakeRequest with(std::string name, std::string value) { return {.headers = {{std::move(name), std::move(value)}}}; }

/// "Basic …" of "user:password".
std::string basic(std::string_view text) {
  std::string out(sodium_base64_ENCODED_LEN(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return "Basic " + out;
}

BOOST_AUTO_TEST_SUITE(auth, *boost::unit_test::fixture<Sodium>())

BOOST_AUTO_TEST_CASE(the_key_is_taken_from_either_header) {
  const Door door(with_shared_key("secret"));
  const auto gate = require_key(door.access);
  BOOST_TEST(door.status(gate, with("x-api-key", "secret")) == 0);
  BOOST_TEST(door.status(gate, with("Authorization", "Bearer secret")) == 0);
  BOOST_TEST(door.status(gate, with("Authorization", "bearer   secret")) == 0);
}

BOOST_AUTO_TEST_CASE(a_missing_key_is_401_and_a_wrong_one_403_in_the_original_words) {
  const Door door(with_shared_key("secret"));
  const auto gate = require_key(door.access);
  const auto missing = door.answer(gate, {});
  BOOST_TEST_REQUIRE(missing.has_value());
  BOOST_TEST(missing->status == 401);
  BOOST_TEST(missing->body == "{\"error\":\"Authentication required\",\"message\":\"X-API-Key header is required\"}\n");
  const auto wrong = door.answer(gate, with("X-API-Key", "Secret"));
  BOOST_TEST_REQUIRE(wrong.has_value());
  BOOST_TEST(wrong->status == 403);
  BOOST_TEST(wrong->body == "{\"error\":\"Authentication failed\",\"message\":\"Invalid API key\"}\n");
}

BOOST_AUTO_TEST_CASE(what_merely_resembles_the_key_is_refused) {
  const Door door(with_shared_key("secret"));
  const auto gate = require_key(door.access);
  for (const auto* key : {"secre", "secrett", "secret ", " secret", "SECRET", "\0secret"}) {
    BOOST_TEST_CONTEXT(key) { BOOST_TEST(door.status(gate, with("X-API-Key", key)) != 0); }
  }
  for (const auto* value : {"secret", "Basic secret", "Bearersecret", "Bearer", "Bearer ", "Bearer wrong"}) {
    BOOST_TEST_CONTEXT(value) { BOOST_TEST(door.status(gate, with("Authorization", value)) != 0); }
  }
}

BOOST_AUTO_TEST_CASE(basic_takes_any_user_name_with_the_password) {
  const Door door;
  const auto gate = require_password("pa:ss wörd", door.access);
  BOOST_TEST(door.status(gate, with("Authorization", basic("anybody:pa:ss wörd"))) == 0);
  BOOST_TEST(door.status(gate, with("Authorization", basic(":pa:ss wörd"))) == 0);
  BOOST_TEST(door.status(gate, with("Authorization", basic("pa:ss wörd"))) == 401);
  BOOST_TEST(door.status(gate, with("Authorization", basic("user:"))) == 401);
  BOOST_TEST(door.status(gate, with("Authorization", "Basic ****")) == 401);
  BOOST_TEST(door.status(gate, with("Authorization", "Basic ")) == 401);
  BOOST_TEST(door.status(gate, {}) == 401);
}

BOOST_AUTO_TEST_CASE(a_401_tells_the_browser_to_ask_for_a_password) {
  const Door door;
  const auto refused = door.answer(require_password("x", door.access), {});
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->headers.at(0).first == "WWW-Authenticate");
  BOOST_TEST(refused->headers.at(0).second.starts_with("Basic "));
}

BOOST_AUTO_TEST_CASE(only_allowed_addresses_pass_and_forwarded_ones_do_not_count) {
  AccessRules rules;
  rules.allowed = {IpPrefix::parse("192.0.2.0/24").value(), IpPrefix::parse("2001:db8::7").value()};
  const Door door(rules);
  const auto gate = allow_addresses(door.access);
  BOOST_TEST(door.status(gate, {.peer = "::ffff:192.0.2.9"}) == 0);
  BOOST_TEST(door.status(gate, {.peer = "::ffff:198.51.100.1"}) == 403);
  BOOST_TEST(door.status(gate, {.peer = "192.0.2.9"}) == 0);
  BOOST_TEST(door.status(gate, {.peer = "2001:db8::7"}) == 0);
  BOOST_TEST(door.status(gate, {.peer = "2001:db8::8"}) == 403);
  BOOST_TEST(door.status(gate, {.peer = "198.51.100.1", .headers = {{"X-Forwarded-For", "192.0.2.9"}, {"X-Real-IP", "192.0.2.9"}}}) == 403);
}

BOOST_AUTO_TEST_CASE(a_name_that_was_made_to_resolve_to_loopback_is_refused) {
  const Door door;
  const auto gate = require_loopback_host();
  BOOST_TEST(door.status(gate, with("Host", "localhost:8080")) == 0);
  BOOST_TEST(door.status(gate, with("Host", "rebound.example:8080")) == 421);
  BOOST_TEST(door.status(gate, {}) == 421);
}

BOOST_AUTO_TEST_CASE(what_is_open_on_loopback_is_open_to_no_proxy_and_no_other_machine) {
  const Door door({}, true);
  const FakeRequest proxied{.headers = {{"Host", "127.0.0.1:8080"}, {"X-Forwarded-For", "198.51.100.7"}}};
  BOOST_TEST(door.status(require_loopback_host(), proxied) == 401);
  const auto refused = door.answer(require_key(door.access), proxied);
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->status == 401);
  BOOST_TEST(refused->body.find("vpn-sentinel-hub key add") != std::string::npos);
  BOOST_TEST(door.status(require_key(door.access), {.peer = "192.0.2.7", .headers = {{"Host", "localhost"}}}) == 401);
  BOOST_TEST(door.status(require_key(door.access), {.peer = "::ffff:127.0.0.1", .headers = {{"Host", "localhost"}}}) == 0);
  BOOST_TEST(door.status(require_key(door.access), {.peer = "::1", .headers = {{"Host", "localhost"}}}) == 0);
}

BOOST_AUTO_TEST_CASE(pages_of_other_sites_are_refused_and_programs_are_not) {
  const Door door;
  const auto gate = refuse_other_sites();
  BOOST_TEST(door.status(gate, with("Host", "localhost:5000")) == 0);
  BOOST_TEST(door.status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "http://localhost:5000"}}}) == 0);
  BOOST_TEST(door.status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "http://evil.example"}}}) == 403);
  BOOST_TEST(door.status(gate, {.headers = {{"Host", "localhost:5000"}, {"Origin", "null"}}}) == 403);
}

BOOST_AUTO_TEST_CASE(the_first_gate_that_refuses_decides) {
  AccessRules rules = with_shared_key("k");
  rules.allowed = {IpPrefix::parse("198.51.100.0/24").value()};
  const Door door(rules);
  const FakeRequest asked{.peer = "192.0.2.7"};
  auto request = asked.view();
  const auto refused = pass_gates({find_address(door.access), allow_addresses(door.access), require_key(door.access)}, request);
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->status == 403);
  BOOST_TEST(!pass_gates({}, request).has_value());
}

BOOST_AUTO_TEST_CASE(behind_a_trusted_proxy_the_client_is_judged_and_a_bad_header_is_named) {
  AccessRules rules;
  rules.allowed = {IpPrefix::parse("203.0.113.0/24").value()};
  rules.trusted_proxies = {IpPrefix::parse("192.0.2.1").value()};
  const Door door(rules);
  const auto gate = allow_addresses(door.access);
  const auto forwarded = [](const std::string& peer, const std::string& value) {
    return FakeRequest{.peer = peer, .headers = {{"X-Forwarded-For", value}}};
  };
  BOOST_TEST(door.status(gate, forwarded("192.0.2.1", "203.0.113.9")) == 0);
  BOOST_TEST(door.status(gate, forwarded("192.0.2.1", "198.51.100.1")) == 403);
  BOOST_TEST(door.status(gate, forwarded("192.0.2.2", "203.0.113.9")) == 403);
  const auto bad = door.answer(gate, forwarded("192.0.2.1", "203.0.113.9, unknown"));
  BOOST_TEST_REQUIRE(bad.has_value());
  BOOST_TEST(bad->status == 400);
  BOOST_TEST(bad->body.find("X-Forwarded-For") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_clients_key_reads_only_when_it_may) {
  AccessRules rules;
  rules.keys = Keyring("shared", {client_key("a", "vs_a"), client_key("r", "vs_r", true)});
  const Door door(rules);
  const auto gate = require_key(door.access);
  BOOST_TEST(door.status(gate, with("X-API-Key", "shared")) == 0);
  BOOST_TEST(door.status(gate, with("X-API-Key", "vs_r")) == 0);
  const auto refused = door.answer(gate, with("X-API-Key", "vs_a"));
  BOOST_TEST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->status == 403);
  BOOST_TEST(refused->body.find("--read") != std::string::npos);
  BOOST_TEST(door.key("vs_a") == 0);
}

BOOST_AUTO_TEST_CASE(without_any_key_only_loopback_names_pass_and_elsewhere_nobody) {
  const Door loopback({}, true);
  BOOST_TEST(loopback.status(require_key(loopback.access), with("Host", "localhost:5000")) == 0);
  BOOST_TEST(loopback.status(require_key(loopback.access), with("Host", "rebound.example")) == 421);
  loopback.access->replace(with_shared_key("k"));
  BOOST_TEST(loopback.status(require_key(loopback.access), with("Host", "localhost:5000")) == 401);
  const Door world(with_shared_key("k"));
  world.access->replace({});
  BOOST_TEST(world.status(require_key(world.access), with("Host", "localhost:5000")) == 401);
  BOOST_TEST(world.key("k") == 403);
  BOOST_TEST(world.key("x") == 403);
}

BOOST_AUTO_TEST_CASE(an_address_that_guesses_is_refused_unseen_told_once_and_looked_at_again_later) {
  Door door(with_shared_key("secret"));
  for (int i = 0; i < 10; ++i) BOOST_TEST(door.key("guess") == 403);
  for (int i = 0; i < 100; ++i) BOOST_TEST(door.key("guess") == 429);
  BOOST_TEST(door.key("secret") == 429);  // the right one too: who guesses must not see that it was right
  BOOST_TEST(door.key("secret", "192.0.2.8") == 0);
  BOOST_TEST((door.refused == std::vector<std::string>{"api 192.0.2.7"}));
  BOOST_TEST(retry_after(door.answer(require_key(door.access), {.peer = "192.0.2.7", .headers = {{"X-API-Key", "x"}}})) == "6");
  BOOST_TEST(door.status(require_key(door.access), {.peer = "192.0.2.7"}) == 401);  // no key is no guess
  door.now += std::chrono::seconds{6};
  BOOST_TEST(door.key("secret") == 0);
  BOOST_TEST(door.refused.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_has_logged_in_from_an_address_is_not_locked_out_by_the_failures_of_others_there) {
  AccessRules rules;
  rules.keys = Keyring("secret", {client_key("a", "vs_a")});
  Door door(rules);
  BOOST_TEST(door.key("secret") == 0);
  for (int i = 0; i < 50; ++i) static_cast<void>(door.key("guess"));
  BOOST_TEST(door.key("guess") == 429);
  BOOST_TEST(door.key("secret") == 0);
  BOOST_TEST(door.key("vs_a") == 0);  // a generated key cannot be guessed: it passes though it was never seen from there
  rules.keys = Keyring("other", {});
  door.access->replace(rules);
  BOOST_TEST(door.key("other") == 429);  // nobody has logged in with the new key
}

BOOST_AUTO_TEST_CASE(the_log_hears_of_a_few_addresses_per_minute_however_many_guess) {
  Door door(with_shared_key("secret"));
  for (int peer = 1; peer < 200; ++peer) {
    for (int i = 0; i < 12; ++i) static_cast<void>(door.key("guess", "192.0.2." + std::to_string(peer)));
  }
  BOOST_TEST(door.refused.size() <= 6U);
  BOOST_TEST(!door.refused.empty());
}

BOOST_AUTO_TEST_CASE(wrong_passwords_are_slowed_down_like_wrong_keys) {
  Door door;
  const auto gate = require_password("right", door.access);
  const auto from = [](const std::string& password) {
    return FakeRequest{.peer = "192.0.2.7", .headers = {{"Authorization", basic("u:" + password)}}};
  };
  for (int i = 0; i < 10; ++i) BOOST_TEST(door.status(gate, from("wrong")) == 401);
  BOOST_TEST(door.status(gate, from("right")) == 429);
  BOOST_TEST(door.status(gate, {.peer = "192.0.2.7"}) == 401);  // the browser asks for a password first
  BOOST_TEST((door.refused == std::vector<std::string>{"dashboard 192.0.2.7"}));
  door.now += std::chrono::seconds{6};
  BOOST_TEST(door.status(gate, from("right")) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
