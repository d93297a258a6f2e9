#include "probe/watch/outside_policy.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using test::ip;
using test::prefix;

namespace {

Observation healthy() {
  Observation seen;
  seen.expected_tunnel = "wg0";
  seen.tunnel = TunnelView{"wg0", "wireguard", 3, true, true, true};
  seen.uplinks = {"eth0"};
  seen.endpoints = {{ip("198.51.100.2"), "wireguard", IPPROTO_UDP, 51820, 0xca6c}};
  return seen;
}

bool has(const std::vector<IpPrefix>& networks, std::string_view network) {
  return std::ranges::find(networks, prefix(network)) != networks.end();
}

using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(policy_of_a_target)

BOOST_AUTO_TEST_CASE(a_server_has_protocol_port_and_mark_as_far_as_they_are_known) {
  auto seen = healthy();
  seen.endpoints.push_back({ip("198.51.100.3"), "host route"});
  seen.endpoints.push_back({ip("198.51.100.3"), "configured"});
  const auto policy = outside_policy(seen, {});
  BOOST_TEST_REQUIRE(policy.endpoints.size() == 2U);
  BOOST_TEST((policy.endpoints[0] == TunnelEndpoint{ip("198.51.100.2"), IPPROTO_UDP, 51820, 0xca6c}));
  BOOST_TEST((policy.endpoints[1] == TunnelEndpoint{ip("198.51.100.3"), 0, 0, 0}));
  BOOST_TEST(check_policy(policy).has_value());
  BOOST_TEST(left_out(seen, {}).empty());
}

BOOST_AUTO_TEST_CASE(while_it_is_not_known_which_host_routes_lead_to_servers_all_of_them_may_be_reached) {
  auto seen = healthy();
  seen.possible_endpoints = {ip("198.51.100.2"), ip("198.51.100.9")};
  const auto policy = outside_policy(seen, {});
  BOOST_TEST_REQUIRE(policy.endpoints.size() == 2U);
  BOOST_TEST((policy.endpoints[1] == TunnelEndpoint{ip("198.51.100.9"), 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_is_away_keeps_its_name) {
  auto seen = healthy();
  seen.tunnel.reset();
  BOOST_TEST(has_tunnel_name(seen, {}));
  BOOST_TEST((outside_policy(seen, {}).tunnels == Names{"wg0"}));
}

BOOST_AUTO_TEST_CASE(servers_stay_while_none_is_known) {
  const auto before = outside_policy(healthy(), {});
  auto seen = healthy();
  seen.endpoints.clear();
  auto policy = outside_policy(seen, {});
  BOOST_TEST(policy.endpoints.empty());
  keep_servers(policy, before);
  BOOST_TEST((policy.endpoints == before.endpoints));
  seen.endpoints = {{ip("198.51.100.9"), "wireguard", IPPROTO_UDP, 51820, 0}};
  policy = outside_policy(seen, {});
  keep_servers(policy, before);
  BOOST_TEST((policy.endpoints == outside_policy(seen, {}).endpoints));
}

BOOST_AUTO_TEST_CASE(tunnels_of_the_settings_are_named_and_patterns_are_what_they_mean_now) {
  auto seen = healthy();
  seen.expected_tunnel = "wg*";
  seen.other_tunnels = {"wg1"};
  TargetPolicy target;
  target.tunnels = {"wg*", "tun0"};
  BOOST_TEST((outside_policy(seen, target).tunnels == Names{"wg0", "tun0", "wg1"}));
  seen.tunnel.reset();
  seen.other_tunnels.clear();
  target.tunnels = {"wg*"};
  BOOST_TEST(!has_tunnel_name(seen, target));
}

BOOST_AUTO_TEST_CASE(an_uplink_that_took_the_tunnels_name_is_no_tunnel) {
  auto seen = healthy();
  seen.tunnel.reset();
  seen.replaced_by_stranger = true;
  seen.uplinks = {"eth0", "wg0"};
  const auto policy = outside_policy(seen, {});
  BOOST_TEST((policy.tunnels == Names{"(none)"}));
  BOOST_TEST((policy.uplinks == Names{"eth0", "wg0"}));
  BOOST_TEST(check_policy(policy).has_value());
}

BOOST_AUTO_TEST_CASE(nobody_knows_a_tunnel_where_none_was_ever_seen) {
  Observation seen;
  seen.uplinks = {"eth0"};
  BOOST_TEST(!has_tunnel_name(seen, {}));
}

BOOST_AUTO_TEST_CASE(local_are_standard_networks_those_of_the_settings_and_subnets_that_the_judge_trusts) {
  auto seen = healthy();
  seen.public_subnets = {{prefix("203.0.113.0/24"), "eth0"}};
  TargetPolicy target;
  target.local_networks = {prefix("198.18.0.0/24")};
  const auto policy = outside_policy(seen, target);
  for (const auto* network : {"192.168.0.0/16", "fe80::/10", "224.0.0.0/4", "203.0.113.0/24", "198.18.0.0/24"}) {
    BOOST_TEST(has(policy.local_networks, network), network);
  }
  BOOST_TEST(!has(outside_policy(healthy(), {}).local_networks, "203.0.113.0/24"));
}

BOOST_AUTO_TEST_CASE(what_lies_behind_the_tunnel_is_local_only_where_an_uplink_or_the_user_says_so) {
  auto seen = healthy();
  seen.surroundings.tunnel = "wg0";
  seen.surroundings.tunnel_type = 65534;
  seen.surroundings.tunnel_networks = {prefix("10.64.0.0/10"), prefix("192.168.0.0/16"), prefix("10.7.0.0/24"), prefix("203.0.113.0/24")};
  seen.surroundings.on_link = {prefix("192.168.1.0/24")};
  TargetPolicy target;
  target.local_networks = {prefix("10.7.0.0/24"), prefix("0.0.0.0/0")};
  const auto policy = outside_policy(seen, target);
  BOOST_TEST((policy.tunnel_networks == std::vector{prefix("10.64.0.0/10"), prefix("192.168.0.0/16")}));
  BOOST_TEST(has(policy.local_networks, "192.168.1.0/24"));
  BOOST_TEST((policy.on_link == std::vector{prefix("192.168.1.0/24")}));
  BOOST_TEST((policy.tunnel_types == std::vector<TunnelType>{{"wg0", 65534}}));
  BOOST_TEST(check_policy(policy).has_value());
  BOOST_TEST(left_out(seen, target).front() == "local network 0.0.0.0/0, which is too large to be local");
}

BOOST_AUTO_TEST_CASE(a_bridge_of_containers_is_no_uplink) {
  auto seen = healthy();
  seen.uplinks = {"docker0", "eth0"};
  seen.surroundings.inner_devices = {"docker0"};
  const auto policy = outside_policy(seen, {});
  BOOST_TEST((policy.uplinks == Names{"eth0"}));
  BOOST_TEST((policy.inner_devices == Names{"docker0"}));
}

BOOST_AUTO_TEST_CASE(what_is_allowed_on_purpose_is_passed_on) {
  auto seen = healthy();
  AllowedFlowView flow;
  flow.mark = 0x100;
  flow.mark_mask = 0xff00;
  flow.destination_ports = {443, 444};
  flow.protocol = IPPROTO_TCP;
  flow.source = prefix("192.0.2.1/32");
  seen.allowed_flows = {flow};
  TargetPolicy target;
  target.allow_marks = {{0x1, 0xff}};
  target.allow_uids = {{1000, 1999}};
  const auto policy = outside_policy(seen, target);
  BOOST_TEST_REQUIRE(policy.allowed.size() == 3U);
  BOOST_TEST((policy.allowed[0].mark == 1U && policy.allowed[0].mark_mask == 0xffU));
  BOOST_TEST((policy.allowed[1].uids == AllowedUids{1000, 1999}));
  BOOST_TEST((policy.allowed[2].mark_mask == 0xff00U && policy.allowed[2].destination_ports == AllowedPorts{443, 444}));
  BOOST_TEST((policy.allowed[2].family == Family::v4 && policy.allowed[2].source == prefix("192.0.2.1/32")));
  BOOST_TEST(check_policy(policy).has_value());
}

BOOST_AUTO_TEST_CASE(a_resolver_that_is_wanted_may_be_asked_outside) {
  TargetPolicy target;
  target.dns_accept.networks = {prefix("192.168.1.1/32")};
  const auto policy = outside_policy(healthy(), target);
  BOOST_TEST_REQUIRE(policy.allowed.size() == 2U);
  BOOST_TEST((policy.allowed[0].destination == prefix("192.168.1.1/32") && policy.allowed[0].destination_ports == AllowedPorts{53, 53}));
  BOOST_TEST((policy.allowed[1].destination_ports == AllowedPorts{853, 853}));
  BOOST_TEST(check_policy(policy).has_value());
}

BOOST_AUTO_TEST_CASE(too_much_of_anything_is_left_out_and_told) {
  auto seen = healthy();
  TargetPolicy target;
  for (unsigned i = 0; i < 100; ++i) {
    seen.endpoints.push_back({ip(fmt::format("203.0.113.{}", i + 1)), "configured"});
    seen.uplinks.push_back(fmt::format("eth{}", i + 1));
    seen.other_tunnels.push_back(fmt::format("wg{}", i + 1));
    target.local_networks.push_back(prefix(fmt::format("198.18.{}.0/24", i)));
    target.allow_marks.push_back({i + 1});
  }
  seen.inexpressible_flows = {"from all tos 0x10 lookup 100"};
  const auto policy = outside_policy(seen, target);
  BOOST_TEST(check_policy(policy).has_value());
  BOOST_TEST(policy.endpoints.front().port == 51820);
  const auto told = left_out(seen, target);
  BOOST_TEST_REQUIRE(told.size() == 5U);
  BOOST_TEST(told[1] == "37 of 101 VPN servers");
  BOOST_TEST(told.back() == "what the rule \"from all tos 0x10 lookup 100\" lets out to an allowed table");
  BOOST_TEST(unseen_devices(seen, target) == "85 of 101 uplinks");
}

BOOST_AUTO_TEST_CASE(devices_at_which_nobody_looks_are_named) {
  auto seen = healthy();
  BOOST_TEST(unseen_devices(seen, {}).empty());
  seen.surroundings.bare_devices = {"eth1", "wg0", "eth2"};
  BOOST_TEST(unseen_devices(seen, {}) == "eth1, eth2, without a global address");
  for (unsigned i = 3; i < 12; ++i) seen.surroundings.bare_devices.push_back(fmt::format("eth{}", i));
  BOOST_TEST(unseen_devices(seen, {}) == "eth1, eth2, eth3, eth4, eth5, eth6, eth7, eth8 and others, without a global address");
}

BOOST_AUTO_TEST_SUITE_END()
