#include "netns/monitor/describe.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

Link wg0(std::uint32_t flags, std::optional<bool> carrier = true) {
  Link link;
  link.index = 5;
  link.name = "wg0";
  link.flags = flags;
  link.carrier = carrier;
  link.mtu = 1420;
  return link;
}

const Snapshot names{{wg0(IFF_UP)}, {}, {}, {}, {}};

Route route(std::string_view destination, std::vector<NextHop> hops, std::uint32_t table = RT_TABLE_MAIN) {
  Route route;
  route.destination = IpPrefix::parse(destination).value();
  route.family = route.destination.address().family();
  route.type = RTN_UNICAST;
  route.table = table;
  route.next_hops = std::move(hops);
  return route;
}

Rule rule(std::uint32_t priority, std::uint32_t table) {
  Rule rule;
  rule.priority = priority;
  rule.table = table;
  rule.action = FR_ACT_TO_TBL;
  return rule;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(describe)

BOOST_AUTO_TEST_CASE(a_tunnel_that_goes_down_tells_who_did_it) {
  auto tun = wg0(IFF_UP | IFF_RUNNING);
  tun.kind = "tun";
  auto down = tun;
  down.flags = 0;
  BOOST_TEST(describe_link(down, &tun) == "link wg0 down (set down)");
  down.carrier = false;
  BOOST_TEST(describe_link(down, &tun) == "link wg0 down (carrier lost)");
  tun.carrier = false;
  BOOST_TEST(describe_link(down, &tun) == "link wg0 down");
}

BOOST_AUTO_TEST_CASE(a_link_that_loses_its_carrier_by_being_switched_off_does_not_tell_who_did_it) {
  auto veth = wg0(IFF_UP | IFF_RUNNING);
  veth.kind = "veth";
  auto down = veth;
  down.flags = 0;
  down.carrier = false;
  BOOST_TEST(describe_link(down, &veth) == "link wg0 down");
  down.carrier.reset();
  BOOST_TEST(describe_link(down, &veth) == "link wg0 down");
}

BOOST_AUTO_TEST_CASE(every_other_change_of_a_link_is_named) {
  const auto up = wg0(IFF_UP | IFF_RUNNING);
  const auto down = wg0(0);
  BOOST_TEST(describe_link(up, nullptr) == "link wg0 added");
  BOOST_TEST(describe_link(up, &down) == "link wg0 up");
  BOOST_TEST(describe_link(wg0(IFF_UP), &up) == "link wg0 lost its carrier");
  const auto without = wg0(IFF_UP);
  BOOST_TEST(describe_link(up, &without) == "link wg0 found its carrier");
  auto other = up;
  other.name = "tun0";
  BOOST_TEST(describe_link(other, &up) == "link wg0 renamed to tun0");
  other = up;
  other.mtu = 1280;
  BOOST_TEST(describe_link(other, &up) == "link wg0 mtu 1420 changed to 1280");
  other = up;
  other.operstate = 6;
  BOOST_TEST(describe_link(other, &up) == "link wg0 changed");
  BOOST_TEST(describe_deleted_link(up) == "link wg0 deleted");
}

BOOST_AUTO_TEST_CASE(an_address_is_named_with_its_link) {
  BOOST_TEST(describe_address({5, ip("198.19.0.2"), 32, 0, 0}, names, "removed") == "address 198.19.0.2/32 of wg0 removed");
  BOOST_TEST(describe_address({9, ip("2001:db8::2"), 64, 0, 0}, names, "added") == "address 2001:db8::2/64 of #9 added");
}

BOOST_AUTO_TEST_CASE(a_route_is_written_as_ip_route_writes_it) {
  BOOST_TEST(describe_route(route("0.0.0.0/0", {{5, std::nullopt}}, 51820), names, "deleted") ==
             "route default dev wg0 table 51820 deleted");
  BOOST_TEST(describe_route(route("128.0.0.0/1", {{5, ip("198.19.0.1")}}), names, "added") ==
             "route 128.0.0.0/1 via 198.19.0.1 dev wg0 added");
  BOOST_TEST(describe_route(route("198.51.100.2/32", {{9, std::nullopt}}), names, "added") == "route 198.51.100.2 dev #9 added");
  BOOST_TEST(describe_route(route("::/0", {{5, std::nullopt}}), names, "added") == "IPv6 route default dev wg0 added");
  BOOST_TEST(describe_route(route("0.0.0.0/0", {{5, ip("198.19.0.1")}, {9, std::nullopt}}), names, "replaced") ==
             "route default nexthop via 198.19.0.1 dev wg0 nexthop dev #9 replaced");
  auto refusing = route("0.0.0.0/0", {}, RT_TABLE_LOCAL);
  refusing.type = RTN_BLACKHOLE;
  refusing.metric = 4;
  BOOST_TEST(describe_route(refusing, names, "added") == "route blackhole default table local metric 4 added");
}

BOOST_AUTO_TEST_CASE(a_rule_is_written_as_ip_rule_writes_it) {
  auto mark = rule(32764, 51820);
  mark.flags = FIB_RULE_INVERT;
  mark.fwmark = 0xca6c;
  mark.fwmask = 0xffffffff;
  BOOST_TEST(describe_rule(mark, "added") == "rule 32764 not fwmark 0xca6c lookup 51820 added");
  mark.fwmask = 0xff00;
  BOOST_TEST(describe_rule(mark, "added") == "rule 32764 not fwmark 0xca6c/0xff00 lookup 51820 added");
  auto suppress = rule(32765, RT_TABLE_MAIN);
  suppress.suppress_prefix_length = 0;
  BOOST_TEST(describe_rule(suppress, "deleted") == "rule 32765 from all lookup main suppress_prefixlength 0 deleted");
  auto full = rule(100, RT_TABLE_DEFAULT);
  full.family = Family::v6;
  full.source = IpPrefix::parse("2001:db8:1::/64").value();
  full.destination = IpPrefix::parse("2001:db8::1").value();
  full.input_interface = "lo";
  full.output_interface = "wg0";
  BOOST_TEST(describe_rule(full, "added") == "IPv6 rule 100 from 2001:db8:1::/64 to 2001:db8::1 iif lo oif wg0 lookup default added");
  full = rule(5, 0);
  full.action = FR_ACT_PROHIBIT;
  BOOST_TEST(describe_rule(full, "added") == "rule 5 from all prohibit added");
}

BOOST_AUTO_TEST_CASE(a_router_option_that_concerns_dns_says_so) {
  BOOST_TEST(describe_router_option({5, 25}, names) == "router advertisement on wg0 names DNS servers");
  BOOST_TEST(describe_router_option({5, 31}, names) == "router advertisement on wg0 names DNS search domains");
  BOOST_TEST(describe_router_option({5, 3}, names) == "router advertisement on wg0 carries option 3");
}

BOOST_AUTO_TEST_SUITE_END()
