/// How much somebody may ask for.
#include <boost/test/unit_test.hpp>

#include "auth_door.hpp"
#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {
namespace {

FakeRequest sent_to(const std::string& path, std::string body) {
  return {.method = "POST", .path = path, .body = std::move(body), .peer = "192.0.2.7"};
}

/// As long as `tokens` of the rate limit.
std::string batch_of(const std::string& trigger, std::size_t tokens) {
  std::string body = R"({"reports":[{"note":"}],\"","trigger":"interval"},{"trigger":")" + trigger + R"("}],"more":")";
  return body + std::string(tokens * 4096 - body.size() - 2, 'x') + "\"}";
}

BOOST_AUTO_TEST_SUITE(auth_limits, *boost::unit_test::fixture<Sodium>())

BOOST_AUTO_TEST_CASE(an_address_that_asks_too_much_is_told_when_to_come_back_before_its_key_is_looked_at) {
  auto rules = with_shared_key("k");
  rules.rate_limit = 60;
  Door door(rules);
  const auto gate = limit_rate(door.access);
  for (int i = 0; i < 60; ++i) BOOST_REQUIRE(door.status(gate, {.peer = "2001:db8::1"}) == 0);
  const auto refused = door.answer(gate, {.peer = "2001:db8::2"});  // the same /64
  BOOST_TEST(retry_after(refused) == "1");
  BOOST_TEST(refused->status == 429);
  BOOST_TEST(refused->body == "{\"error\":\"Rate limit exceeded\",\"message\":\"Too many requests. Please try again later.\"}\n");
  BOOST_TEST(door.status(gate, {.peer = "2001:db8:0:1::1"}) == 0);
  door.now += std::chrono::seconds{1};
  BOOST_TEST(door.status(gate, {.peer = "2001:db8::1"}) == 0);
  BOOST_TEST(door.status(gate, {.peer = "2001:db8::1"}) == 429);
  rules.rate_limit = 0;
  door.access->replace(rules);
  BOOST_TEST(door.status(gate, {.peer = "2001:db8::1"}) == 0);
}

BOOST_AUTO_TEST_CASE(a_long_body_costs_more) {
  AccessRules rules;
  rules.rate_limit = 100;
  const Door door(rules);
  const auto gate = limit_rate(door.access);
  for (int i = 0; i < 10; ++i) BOOST_TEST(door.status(gate, sent_to("/api/v1/keepalive", std::string(10 * 4096, 'x'))) == 0);
  BOOST_TEST(door.status(gate, {.peer = "192.0.2.7"}) == 429);
  BOOST_TEST(door.status(gate, {.body = std::string(1024 * 1024, 'x'), .peer = "192.0.2.8"}) == 0);  // more than all there ever is
}

BOOST_AUTO_TEST_CASE(flows_leave_room_for_the_longest_report) {
  for (const unsigned rate : {40U, 100U}) {
    AccessRules rules;
    rules.rate_limit = rate;
    const Door door(rules);
    const auto gate = limit_rate(door.access);
    const auto flows = sent_to("/api/v1/connections", "{}");
    while (door.status(gate, flows) == 0) {
    }
    BOOST_TEST(door.status(gate, sent_to("/api/v1/keepalive", std::string(max_report_bytes, 'x'))) == 0);
    BOOST_TEST(door.status(gate, flows) == 429);
  }
}

BOOST_AUTO_TEST_CASE(a_batch_gives_way_unless_it_tells_a_change) {
  AccessRules rules;
  rules.rate_limit = 100;
  const Door door(rules);
  const auto gate = limit_rate(door.access);
  const auto replayed = sent_to("/api/v1/events", batch_of("interval", 10));
  for (int i = 0; i < 7; ++i) BOOST_TEST(door.status(gate, replayed) == 0);
  BOOST_TEST(door.status(gate, replayed) == 429);
  BOOST_TEST(door.status(gate, sent_to("/api/v1/events", "no batch")) == 0);  // one token, which it has
  BOOST_TEST(door.status(gate, sent_to("/api/v1/events", batch_of("change", 10))) == 0);
  BOOST_TEST(door.status(gate, sent_to("/api/v1/events", std::string(8192, 'x'))) == 429);
  BOOST_TEST(door.status(gate, sent_to("/api/v1/keepalive", std::string(10 * 4096, 'x'))) == 0);
}

BOOST_AUTO_TEST_CASE(replayed_changes_leave_room_for_the_longest_live_report) {
  AccessRules rules;
  rules.rate_limit = 6000;
  const Door door(rules);
  const auto gate = limit_rate(door.access);
  for (const std::size_t tokens : {256U, 2U}) {
    const auto replayed = sent_to("/api/v1/events", batch_of("change", tokens));
    while (door.status(gate, replayed) == 0) {
    }
  }
  // A batch that costs no more than a live report is as good as one.
  BOOST_TEST(door.status(gate, sent_to("/api/v1/events", R"({"reports":[{"trigger":"change"}]})")) == 0);
  BOOST_TEST(door.status(gate, sent_to("/api/v1/keepalive", std::string(max_report_bytes - 4096, 'x'))) == 0);
  BOOST_TEST(door.status(gate, {.peer = "192.0.2.7"}) == 429);
}

BOOST_AUTO_TEST_CASE(the_own_machine_is_spared_and_whoever_a_proxy_passes_on_is_not) {
  AccessRules rules;
  rules.allowed = {IpPrefix::parse("198.51.100.0/24").value(), IpPrefix::parse("2001:db8::/32").value()};
  rules.rate_limit = 1;
  const Door door(rules);
  const auto gate = spare_own_machine(door.access, {find_address(door.access), allow_addresses(door.access), limit_rate(door.access)},
                                      {IpAddress::parse("192.0.2.1").value()});
  for (const auto* const peer : {"127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1"}) {
    for (int i = 0; i < 3; ++i) BOOST_TEST(door.status(gate, {.path = "/health", .peer = peer}) == 0);
    BOOST_TEST(door.status(gate, {.path = "/health", .peer = peer, .headers = {{"X-Forwarded-For", "127.0.0.1"}}}) == 403);
  }
  for (const auto* const peer : {"198.51.100.7", "2001:db8::7"}) {
    BOOST_TEST(door.status(gate, {.peer = peer}) == 0);
    const auto refused = door.answer(gate, {.peer = peer});
    BOOST_TEST((refused && refused->status == 429 && !retry_after(refused).empty()));
  }
  BOOST_TEST(door.status(gate, {.peer = "192.0.2.2"}) == 403);
  BOOST_TEST(door.status(gate, {.peer = "2001:db9::7"}) == 403);
  // No more than its health.
  BOOST_TEST(door.status(gate, {.path = "/metrics", .peer = "127.0.0.1"}) == 403);
  BOOST_TEST(door.status(gate, {.path = "/healthy", .peer = "127.0.0.1"}) == 403);
  rules.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  door.access->replace(rules);
  for (const auto* const peer : {"127.0.0.1", "::ffff:127.0.0.1"}) BOOST_TEST(door.status(gate, {.path = "/health", .peer = peer}) == 403);
  BOOST_TEST(door.status(gate, {.path = "/health/ready", .peer = "::1"}) == 0);
}

BOOST_AUTO_TEST_CASE(each_client_key_has_a_limit_of_its_own_wherever_it_comes_from) {
  AccessRules rules;
  rules.rate_limit = 2;
  rules.keys = Keyring("shared", {client_key("a", "vs_a"), client_key("b", "vs_b")});
  const Door door(rules);
  BOOST_TEST(door.key("vs_a", "192.0.2.1") == 0);
  BOOST_TEST(door.key("vs_a", "192.0.2.2") == 0);
  BOOST_TEST(door.key("vs_a", "192.0.2.3") == 429);
  BOOST_TEST(door.key("vs_b", "192.0.2.3") == 0);
  for (int i = 0; i < 5; ++i) BOOST_TEST(door.key("shared", "192.0.2.3") == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
