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
  BOOST_TEST(describe_link(down, &tun, names) == "link wg0 down (set down)");
  down.carrier = false;
  BOOST_TEST(describe_link(down, &tun, names) == "link wg0 down (carrier lost)");
  tun.carrier = false;
  BOOST_TEST(describe_link(down, &tun, names) == "link wg0 down");
}

BOOST_AUTO_TEST_CASE(a_link_that_loses_its_carrier_by_being_switched_off_does_not_tell_who_did_it) {
  auto veth = wg0(IFF_UP | IFF_RUNNING);
  veth.kind = "veth";
  auto down = veth;
  down.flags = 0;
  down.carrier = false;
  BOOST_TEST(describe_link(down, &veth, names) == "link wg0 down");
  down.carrier.reset();
  BOOST_TEST(describe_link(down, &veth, names) == "link wg0 down");
}

BOOST_AUTO_TEST_CASE(every_other_change_of_a_link_is_named) {
  const auto up = wg0(IFF_UP | IFF_RUNNING);
  const auto down = wg0(0);
  BOOST_TEST(describe_link(up, nullptr, names) == "link wg0 added");
  BOOST_TEST(describe_link(up, &down, names) == "link wg0 up");
  BOOST_TEST(describe_link(wg0(IFF_UP), &up, names) == "link wg0 lost its carrier");
  const auto without = wg0(IFF_UP);
  BOOST_TEST(describe_link(up, &without, names) == "link wg0 found its carrier");
  auto other = up;
  other.name = "tun0";
  BOOST_TEST(describe_link(other, &up, names) == "link wg0 renamed to tun0");
  other = up;
  other.mtu = 1280;
  BOOST_TEST(describe_link(other, &up, names) == "link wg0 mtu 1420 changed to 1280");
  other = up;
  other.master = 5;
  BOOST_TEST(describe_link(other, &up, names) == "link wg0 enslaved to wg0");
  BOOST_TEST(describe_link(up, &other, names) == "link wg0 released from wg0");
  other = up;
  other.operstate = 6;
  BOOST_TEST(describe_link(other, &up, names) == "link wg0 changed");
  BOOST_TEST(describe_deleted_link(up, false) == "link wg0 deleted");
  BOOST_TEST(describe_deleted_link(up, true) == "link wg0 moved to another network namespace");
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

BOOST_AUTO_TEST_CASE(a_rule_is_written_with_every_selector) {
  auto full = rule(7, 7);
  full.source = IpPrefix::parse("192.0.2.0/24").value();
  full.tos = 0x10;
  full.uids = UidRange{1000, 1001};
  full.ip_protocol = 6;
  full.source_ports = PortRange{1, 9};
  full.destination_ports = PortRange{443, 443};
  full.tunnel_id = 8;
  full.suppress_group = 3;
  full.realms = 0x10002;
  BOOST_TEST(describe_rule(full, "added") ==
             "rule 7 from 192.0.2.0/24 tos 0x10 uidrange 1000-1001 ipproto tcp sport 1-9 dport 443 tun_id 8 lookup 7 suppress_ifgroup 3 "
             "realms 1/2 added");
  auto unknown = rule(7, 7);
  unknown.has_unknown = true;
  unknown.l3mdev = true;
  BOOST_TEST(describe_rule(unknown, "added") == "rule 7 and something that is not known lookup [l3mdev-table] added");
}

BOOST_AUTO_TEST_CASE(a_next_hop_object_is_written_as_ip_nexthop_writes_it) {
  BOOST_TEST(describe_next_hop_object({7, 2, 0, false, {5, ip("203.0.113.1")}, {}, {}}, names, "deleted") ==
             "next hop object 7 via 203.0.113.1 dev wg0 deleted");
  BOOST_TEST(describe_next_hop_object({9, 0, 0, false, {}, {7, 8}, {0, 4}}, names, "added") == "next hop object 9 group 7/8,5 added");
  BOOST_TEST(describe_next_hop_object({3, 0, 0, true, {}, {}, {}}, names, "gone") == "next hop object 3 blackhole gone");
}

BOOST_AUTO_TEST_CASE(an_advertised_prefix_is_named_with_its_link) {
  BOOST_TEST(describe_advertised_prefix({5, IpPrefix::parse("2001:db8::/64").value()}, names) == "prefix 2001:db8::/64 advertised on wg0");
}

BOOST_AUTO_TEST_CASE(a_router_option_that_concerns_dns_says_so) {
  BOOST_TEST(describe_router_option({5, 25}, names) == "router advertisement on wg0 names DNS servers");
  BOOST_TEST(describe_router_option({5, 31}, names) == "router advertisement on wg0 names DNS search domains");
  BOOST_TEST(describe_router_option({5, 3}, names) == "router advertisement on wg0 carries option 3");
  RouterOption servers{5, 25, ip("fe80::1"), {ip("2001:db8::53"), ip("2001:db8::54")}, 600};
  BOOST_TEST(describe_router_option(servers, names) ==
             "router advertisement on wg0 names DNS servers 2001:db8::53, 2001:db8::54 (from fe80::1)");
  servers.lifetime = 0;
  servers.servers.pop_back();
  servers.router.reset();
  BOOST_TEST(describe_router_option(servers, names) == "router advertisement on wg0 withdraws DNS servers 2001:db8::53");
}

BOOST_AUTO_TEST_SUITE_END()
