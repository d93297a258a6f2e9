#include "probe/watch/baseline.hpp"

#include <linux/fib_rules.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 3;

Rule rule(std::uint32_t priority, std::uint32_t table) {
  Rule made;
  made.priority = priority;
  made.table = table;
  made.action = FR_ACT_TO_TBL;
  return made;
}

Snapshot host() {
  Snapshot snapshot;
  snapshot.links = {link(eth0, "eth0", ""), link(wg0, "wg0", "wireguard")};
  snapshot.routes = {route("0.0.0.0/0", wg0), route("203.0.113.0/24", eth0), route("198.51.100.2/32", eth0, "203.0.113.1"),
                     route("fe80::/64", eth0)};
  snapshot.rules = {rule(0, RT_TABLE_LOCAL), rule(101, 200), rule(32766, RT_TABLE_MAIN)};
  return snapshot;
}

Observation seen() {
  Observation made;
  made.time = WallTime{} + std::chrono::seconds{1'700'000'000};
  made.tunnel = TunnelView{"wg0", "wireguard", wg0, true, true, true};
  made.endpoints = {{ip("198.51.100.2"), "wireguard"}};
  return made;
}

DriftView drift(const Snapshot& now) { return explain_drift(make_baseline(host(), seen()), make_baseline(now, seen()), false); }

struct File {
  File() : path("/tmp/vs" + std::to_string(::getpid()) + "-baseline/x.json") {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove_all(std::filesystem::path(path).parent_path()); }
  std::string path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(baseline)

BOOST_AUTO_TEST_CASE(the_same_state_has_no_drift) {
  BOOST_TEST(drift(host()).rules.empty());
  BOOST_TEST(drift(host()).routes.empty());
}

BOOST_AUTO_TEST_CASE(ways_to_the_server_and_link_local_routes_are_no_part_of_it) {
  auto now = host();
  now.routes.resize(2);
  BOOST_TEST(drift(now).routes.empty());
}

BOOST_AUTO_TEST_CASE(an_added_and_a_lost_rule_are_told_in_words) {
  auto now = host();
  now.rules[1].priority = 102;
  const auto lines = drift(now).rules;
  BOOST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(lines[0].ends_with("was added"));
  BOOST_TEST(lines[0].find("102") != std::string::npos);
  BOOST_TEST(lines[1].ends_with("is gone"));
  BOOST_TEST(lines[1].find("101") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_order_of_the_same_rules_is_a_change) {
  auto healthy = make_baseline(host(), seen());
  auto now = healthy;
  std::swap(now.rules[0], now.rules[1]);
  const auto lines = explain_drift(healthy, now, true).rules;
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(lines[0].starts_with("the order of the rules changed"));
}

BOOST_AUTO_TEST_CASE(an_added_route_and_another_tunnel_are_told) {
  auto now = host();
  now.routes.push_back(route("198.18.0.0/15", eth0, "203.0.113.1"));
  const auto added = drift(now).routes;
  BOOST_REQUIRE(added.size() == 1U);
  BOOST_TEST(added[0].find("198.18.0.0/15") != std::string::npos);
  auto other = seen();
  other.tunnel->name = "wg1";
  BOOST_TEST(explain_drift(make_baseline(host(), seen()), make_baseline(host(), other), false).routes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(tables_of_a_routing_daemon_are_left_out_and_that_is_said) {
  auto now = host();
  for (unsigned i = 0; i <= most_baseline_routes; ++i) now.routes.push_back(route(fmt::format("198.18.{}.{}/32", i / 256, i % 256), eth0));
  const auto large = make_baseline(now, seen());
  BOOST_TEST(large.routes.empty());
  BOOST_TEST(large.left_out == 517U);
  const auto both = explain_drift(large, large, true);
  BOOST_TEST(both.routes.empty());
  BOOST_TEST(both.not_compared == "517 routes are more than 512 and are not compared");
  const auto grown = drift(now);
  BOOST_TEST(grown.routes == std::vector<std::string>{"2 routes were there and 517 routes are more than 512 and are not compared"});
  BOOST_TEST(!grown.not_compared.empty());
  const auto shrunk = explain_drift(large, make_baseline(host(), seen()), true);
  BOOST_TEST(shrunk.routes == std::vector<std::string>{"517 routes were there, too many to be kept, and 2 are there now"});
  BOOST_TEST(drift(host()).not_compared.empty());
}

BOOST_AUTO_TEST_CASE(a_file_tells_that_routes_were_left_out_and_an_older_one_has_them_all) {
  auto large = make_baseline(host(), seen());
  large.routes.clear();
  large.left_out = 700;
  BOOST_TEST((baseline_from_json(to_json(large)).value() == large));
  auto value = to_json(make_baseline(host(), seen()));
  BOOST_TEST(!value.contains("routes_left_out"));
  BOOST_TEST(baseline_from_json(value).value().left_out == 0U);
  value["routes_left_out"] = "many";
  BOOST_TEST(!baseline_from_json(value).has_value());
}

BOOST_AUTO_TEST_CASE(the_number_of_told_changes_is_bounded) {
  auto now = host();
  for (std::uint32_t i = 0; i < 200; ++i) now.rules.push_back(rule(1000 + i, 200));
  const auto lines = drift(now).rules;
  BOOST_TEST(lines.size() == 33U);
  BOOST_TEST(lines.back() == "and 168 more");
}

BOOST_AUTO_TEST_CASE(a_file_gives_back_what_was_pinned) {
  const File file;
  BOOST_TEST((read_baseline(file.path).error().kind == Error::Kind::not_found));
  const auto healthy = make_baseline(host(), seen());
  BOOST_TEST(write_baseline(file.path, healthy).has_value());
  BOOST_TEST((read_baseline(file.path).value() == healthy));
  BOOST_TEST(
      (std::filesystem::status(file.path).permissions() == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_named_with_what_is_wrong) {
  const File file;
  BOOST_TEST(write_baseline(file.path, make_baseline(host(), seen())).has_value());
  for (const auto* const text : {"", "{", "[]", R"({"time": "2026-11-21T10:00:00Z", "tunnel": "wg0", "rules": [1], "routes": []})",
                                 R"({"time": "yesterday", "tunnel": "wg0", "rules": [], "routes": []})"}) {
    std::ofstream(file.path) << text;
    const auto read = read_baseline(file.path);
    BOOST_TEST_REQUIRE(!read.has_value());
    BOOST_TEST((read.error().kind == Error::Kind::invalid));
    BOOST_TEST(read.error().message.starts_with(file.path));
  }
}

BOOST_AUTO_TEST_CASE(no_routes_and_no_tunnel_at_all_are_a_difference) {
  Snapshot now = host();
  now.routes.clear();
  auto without_tunnel = seen();
  without_tunnel.tunnel.reset();
  const auto healthy = make_baseline(host(), seen());
  const auto lines = explain_drift(healthy, make_baseline(now, without_tunnel), true).routes;
  BOOST_TEST_REQUIRE(lines.size() == healthy.routes.size() + 1);
  BOOST_TEST(lines.front().ends_with("is gone"));
  BOOST_TEST(lines.back().ends_with("and is gone"));
  // Of a table that is too large nothing is known.
  for (unsigned i = 0; i <= most_baseline_routes; ++i) now.routes.push_back(route(fmt::format("198.18.{}.{}/32", i / 256, i % 256), eth0));
  const auto too_many = explain_drift(healthy, make_baseline(now, seen()), true).routes;
  BOOST_TEST_REQUIRE(too_many.size() == 1U);
  BOOST_TEST(too_many[0].find("are not compared") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
