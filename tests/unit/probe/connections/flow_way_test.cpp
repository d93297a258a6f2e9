#include "probe/connections/flow_way.hpp"

#include <linux/if.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

Link link(std::uint32_t index, const char* name, std::uint32_t flags = IFF_UP) {
  Link made;
  made.index = index;
  made.name = name;
  made.flags = flags;
  made.type = index == 3 ? 65534 : 1;
  return made;
}

InterfaceAddress address(std::uint32_t index, const char* text) {
  InterfaceAddress made;
  made.link_index = index;
  made.address = IpAddress::parse(text).value();
  return made;
}

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }

FlowGround ground() {
  Snapshot snapshot;
  snapshot.links = {link(1, "lo", IFF_UP | IFF_LOOPBACK), link(2, "eth0"), link(3, "wg0"), link(4, "docker0")};
  snapshot.addresses = {address(2, "192.0.2.9"), address(3, "10.8.0.2")};
  FirewallPolicy policy;
  policy.tunnels = {"wg0"};
  policy.local_networks = {prefix("192.168.0.0/16"), prefix("10.0.0.0/8")};
  policy.tunnel_networks = {prefix("10.8.0.0/24")};
  policy.endpoints = {{IpAddress::parse("198.51.100.2").value(), IPPROTO_UDP, 51820, 0}};
  policy.inner_devices = {"docker0"};
  return make_flow_ground(snapshot, policy, true);
}

Sighting to(const char* remote, std::uint8_t protocol = IPPROTO_TCP) {
  Sighting seen;
  seen.key = {protocol, Endpoint::parse("192.0.2.9:40000", 0).value(), Endpoint::parse(remote, 0).value(), 7};
  seen.uid = 1000;
  seen.mark = 0;
  return seen;
}

FlowWay bound(Sighting seen, std::uint32_t index, const FlowGround& on = ground()) {
  seen.bound_index = index;
  return way_by_device(seen, on)->way;
}

RouteAnswer by(std::vector<std::uint32_t> indexes) {
  RouteAnswer answer;
  answer.kind = RouteAnswer::Kind::device;
  for (const auto index : indexes) answer.route.next_hops.push_back({index, std::nullopt, 0, 0});
  return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flow_way)

BOOST_AUTO_TEST_CASE(a_device_decides_what_is_inside_and_outside) {
  BOOST_TEST((bound(to("203.0.113.7:443"), 2) == FlowWay::outside));
  BOOST_TEST((bound(to("203.0.113.7:443"), 3) == FlowWay::tunnel));
  BOOST_TEST((bound(to("203.0.113.7:443"), 4) == FlowWay::local));
  BOOST_TEST((bound(to("203.0.113.7:443"), 9) == FlowWay::unknown));
  BOOST_TEST((bound(to("127.0.0.1:80"), 2) == FlowWay::loopback));
  BOOST_TEST((bound(to("10.8.0.2:80"), 2) == FlowWay::loopback));
}

BOOST_AUTO_TEST_CASE(local_networks_are_local_but_for_dns_and_what_lies_behind_the_tunnel) {
  BOOST_TEST((bound(to("192.168.1.5:22"), 2) == FlowWay::local));
  BOOST_TEST((bound(to("192.168.1.1:53", IPPROTO_UDP), 2) == FlowWay::outside));
  BOOST_TEST((bound(to("10.9.0.1:22"), 2) == FlowWay::local));
  BOOST_TEST((bound(to("10.8.0.1:22"), 2) == FlowWay::outside));
}

BOOST_AUTO_TEST_CASE(the_servers_own_port_is_the_tunnels_and_another_one_is_outside) {
  BOOST_TEST((bound(to("198.51.100.2:51820", IPPROTO_UDP), 2) == FlowWay::server));
  BOOST_TEST((bound(to("198.51.100.2:22"), 2) == FlowWay::outside));
}

BOOST_AUTO_TEST_CASE(what_may_bypass_the_tunnel_is_allowed_and_without_a_mark_it_is_not_known) {
  auto on = ground();
  AllowedPackets packets;
  packets.mark = 5;
  packets.mark_mask = 0xff;
  on.policy.allowed = {packets};
  auto seen = to("203.0.113.7:443");
  BOOST_TEST((bound(seen, 2, on) == FlowWay::outside));
  seen.mark = 0x105;
  BOOST_TEST((bound(seen, 2, on) == FlowWay::allowed));
  seen.mark.reset();
  BOOST_TEST((bound(seen, 2, on) == FlowWay::unknown));
  packets = {};
  packets.uids = AllowedUids{1000, 1000};
  on.policy.allowed = {packets};
  BOOST_TEST((bound(seen, 2, on) == FlowWay::allowed));
}

BOOST_AUTO_TEST_CASE(a_stranger_with_the_tunnels_name_is_outside) {
  auto on = ground();
  on.policy.tunnel_types = {{"wg0", 65534}};
  BOOST_TEST((bound(to("203.0.113.7:443"), 3, on) == FlowWay::tunnel));
  on.links.at(3).type = 1;
  BOOST_TEST((bound(to("203.0.113.7:443"), 3, on) == FlowWay::outside));
}

BOOST_AUTO_TEST_CASE(without_a_tunnel_nothing_is_outside) {
  auto on = ground();
  on.tunnel_known = false;
  BOOST_TEST((bound(to("203.0.113.7:443"), 2, on) == FlowWay::unknown));
}

BOOST_AUTO_TEST_CASE(a_route_decides_where_no_device_does) {
  const auto on = ground();
  const auto seen = to("203.0.113.7:443");
  BOOST_TEST(!way_by_device(seen, on).has_value());
  BOOST_TEST((way_by_route(seen, by({2}), on).way == FlowWay::outside));
  BOOST_TEST((way_by_route(seen, by({3}), on).way == FlowWay::tunnel));
  BOOST_TEST((way_by_route(seen, by({3, 2}), on).way == FlowWay::unknown));
  BOOST_TEST((way_by_route(seen, by({}), on).way == FlowWay::unknown));
  RouteAnswer none;
  BOOST_TEST((way_by_route(seen, none, on).way == FlowWay::nowhere));
  BOOST_TEST((way_by_route(seen, fail(Error::Kind::failed, "no"), on).way == FlowWay::unknown));
}

BOOST_AUTO_TEST_CASE(where_rules_look_at_marks_a_socket_of_an_unknown_mark_goes_an_unknown_way) {
  auto on = ground();
  on.rules_by_mark = true;
  auto seen = to("203.0.113.7:443");
  BOOST_TEST((way_by_route(seen, by({2}), on).way == FlowWay::outside));
  seen.mark.reset();
  BOOST_TEST((way_by_route(seen, by({2}), on).way == FlowWay::unknown));
}

BOOST_AUTO_TEST_CASE(the_kernel_is_asked_for_the_packet_as_the_socket_would_send_it) {
  auto seen = to("203.0.113.7:443", IPPROTO_UDP);
  seen.mark = 9;
  const auto question = route_question(seen);
  BOOST_TEST(question.flow.mark == 9U);
  BOOST_TEST(question.flow.uid.value() == 1000U);
  BOOST_TEST(question.flow.ip_protocol == IPPROTO_UDP);
  BOOST_TEST(question.flow.source->to_string() == "192.0.2.9");
  seen.key.local = {};
  BOOST_TEST(!route_question(seen).flow.source.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
