#include "netns/netlink/decode.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <limits>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

Bytes address_bytes(std::string_view text) {
  const auto address = ip(text);
  const auto bytes = std::as_bytes(address.bytes());
  return {bytes.begin(), bytes.end()};
}

ifinfomsg link_header(int index, unsigned flags, unsigned char family = AF_UNSPEC) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_type = ARPHRD_NONE;
  header.ifi_index = index;
  header.ifi_flags = flags;
  return header;
}

rtmsg route_header(unsigned char family, unsigned char length, unsigned char table, unsigned char type = RTN_UNICAST) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = length;
  header.rtm_table = table;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = type;
  return header;
}

fib_rule_hdr rule_header(unsigned char family, unsigned char table) {
  fib_rule_hdr header{};
  header.family = family;
  header.table = table;
  header.action = FR_ACT_TO_TBL;
  return header;
}

NetlinkMessage reply(std::uint16_t type, const Payload& payload) { return {type, 0, 1, 0, payload}; }

template <typename Value>
bool is_invalid(const Result<Value>& result) {
  return !result && result.error().kind == Error::Kind::invalid;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode)

BOOST_AUTO_TEST_CASE(a_link_is_read_with_its_kind_and_statistics) {
  rtnl_link_stats64 statistics{};
  statistics.rx_packets = 1;
  statistics.tx_packets = 2;
  statistics.rx_bytes = 1ULL << 40U;
  statistics.tx_bytes = 4;
  const auto info = Payload{}.add(99, "later").add(IFLA_INFO_KIND, "wireguard");
  const auto payload = Payload{link_header(5, IFF_UP | IFF_POINTOPOINT)}
                           .add(IFLA_IFNAME, "wg0")
                           .add(IFLA_MTU, 1420U)
                           .add(IFLA_OPERSTATE, bytes_of({0}))
                           .add(IFLA_CARRIER, bytes_of({1}))
                           .add(IFLA_STATS64, value_of(statistics))
                           .add(200, "an attribute of a later kernel")
                           .add(IFLA_LINKINFO | NLA_F_NESTED, info.bytes());
  const Link expected{5, "wg0", "wireguard", ARPHRD_NONE, IFF_UP | IFF_POINTOPOINT, 0, true, 1420, 1ULL << 40U, 4, 1, 2, 0, ""};
  BOOST_TEST((decode_link(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_link_with_attributes_of_wrong_size_lacks_only_those) {
  const auto payload = Payload{link_header(5, 0)}
                           .add(IFLA_IFNAME, text_of("a-name-that-is-longer-than-any", false))
                           .add(IFLA_MTU, bytes_of({1, 2}))
                           .add(IFLA_OPERSTATE, 6U)
                           .add(IFLA_CARRIER, 1U)
                           .add(IFLA_STATS64, bytes_of({1, 2, 3}));
  Link expected;
  expected.index = 5;
  expected.type = ARPHRD_NONE;
  expected.name = "a-name-that-is-";
  BOOST_TEST((decode_link(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_message_about_a_bridge_port_is_not_about_the_link) {
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(5, 0, AF_BRIDGE)}.add(IFLA_IFNAME, "eth0"))));
}

BOOST_AUTO_TEST_CASE(a_wireless_event_is_not_taken_for_a_whole_link) {
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(5, IFF_UP)}.add(IFLA_IFNAME, "wlan0").add(IFLA_WIRELESS, bytes_of({1})))));
}

BOOST_AUTO_TEST_CASE(a_link_without_index_or_name_is_refused) {
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(0, 0)}.add(IFLA_IFNAME, "eth0"))));
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(-1, 0)}.add(IFLA_IFNAME, "eth0"))));
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(5, 0)}.add(IFLA_IFNAME, ""))));
  BOOST_TEST(is_invalid(decode_link(Payload{link_header(5, 0)})));
}

BOOST_AUTO_TEST_CASE(an_address_is_the_local_one_of_a_point_to_point_link) {
  const auto payload = Payload{ifaddrmsg{AF_INET, 32, IFA_F_PERMANENT, RT_SCOPE_LINK, 5}}
                           .add(IFA_ADDRESS, address_bytes("198.19.0.1"))
                           .add(IFA_LOCAL, address_bytes("198.19.0.2"))
                           .add(IFA_FLAGS, 0x280U);
  BOOST_TEST((decode_address(payload) == InterfaceAddress{5, ip("198.19.0.2"), 32, RT_SCOPE_LINK, 0x280}));
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_has_no_local_attribute_and_its_flags_fit_one_byte) {
  const auto payload =
      Payload{ifaddrmsg{AF_INET6, 64, IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE, 5}}.add(IFA_ADDRESS, address_bytes("2001:db8::2"));
  BOOST_TEST((decode_address(payload) == InterfaceAddress{5, ip("2001:db8::2"), 64, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE}));
}

BOOST_AUTO_TEST_CASE(an_address_of_the_wrong_length_or_family_is_refused) {
  BOOST_TEST(is_invalid(decode_address(Payload{ifaddrmsg{AF_INET, 32, 0, 0, 5}}.add(IFA_LOCAL, address_bytes("2001:db8::2")))));
  BOOST_TEST(is_invalid(decode_address(Payload{ifaddrmsg{AF_INET, 33, 0, 0, 5}}.add(IFA_LOCAL, address_bytes("198.19.0.2")))));
  BOOST_TEST(is_invalid(decode_address(Payload{ifaddrmsg{AF_BRIDGE, 32, 0, 0, 5}}.add(IFA_LOCAL, address_bytes("198.19.0.2")))));
  BOOST_TEST(is_invalid(decode_address(Payload{ifaddrmsg{AF_INET, 32, 0, 0, 5}})));
}

BOOST_AUTO_TEST_CASE(a_default_route_has_no_destination_attribute) {
  const auto payload = Payload{route_header(AF_INET, 0, RT_TABLE_MAIN)}
                           .add(RTA_TABLE, 254U)
                           .add(RTA_PRIORITY, 100U)
                           .add(RTA_GATEWAY, address_bytes("203.0.113.1"))
                           .add(RTA_OIF, 2U)
                           .add(RTA_METRICS, Payload{}.add(2, 1400U).bytes());
  const Route expected{Family::v4, prefix("0.0.0.0/0"), 254, RTPROT_STATIC, 0, RTN_UNICAST, 100, 0, {NextHop{2, ip("203.0.113.1")}}};
  BOOST_TEST((decode_route(payload) == expected));
}

BOOST_AUTO_TEST_CASE(the_table_attribute_wins_over_the_byte_that_cannot_hold_it) {
  const auto payload = Payload{route_header(AF_INET6, 0, RT_TABLE_COMPAT)}.add(RTA_TABLE, 51820U).add(RTA_OIF, 5U);
  const Route expected{Family::v6, prefix("::/0"), 51820, RTPROT_STATIC, 0, RTN_UNICAST, 0, 0, {NextHop{5, std::nullopt}}};
  BOOST_TEST((decode_route(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_multipath_route_has_all_its_next_hops) {
  const auto gateway = Payload{}.add(RTA_GATEWAY, address_bytes("203.0.113.1"));
  const auto hops = Payload{}.append(rtnexthop{16, 0, 0, 2}, gateway.bytes()).append(rtnexthop{8, 0, 0, 3}, {});
  const auto payload =
      Payload{route_header(AF_INET, 1, RT_TABLE_MAIN)}.add(RTA_DST, address_bytes("128.0.0.0")).add(RTA_MULTIPATH, hops.bytes());
  const Route expected{Family::v4,
                       prefix("128.0.0.0/1"),
                       254,
                       RTPROT_STATIC,
                       0,
                       RTN_UNICAST,
                       0,
                       0,
                       {NextHop{2, ip("203.0.113.1")}, NextHop{3, std::nullopt}}};
  BOOST_TEST((decode_route(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_gateway_may_be_of_the_other_family) {
  auto via = value_of(static_cast<std::uint16_t>(AF_INET6));
  const auto gateway = address_bytes("fe80::1");
  via.insert(via.end(), gateway.begin(), gateway.end());
  const auto route = decode_route(Payload{route_header(AF_INET, 0, RT_TABLE_MAIN)}.add(RTA_VIA, via).add(RTA_OIF, 2U));
  BOOST_TEST_REQUIRE(route.has_value());
  BOOST_TEST((route->next_hops == std::vector{NextHop{2, ip("fe80::1")}}));
}

BOOST_AUTO_TEST_CASE(a_blackhole_route_has_no_next_hop) {
  const auto route = decode_route(Payload{route_header(AF_INET, 0, RT_TABLE_MAIN, RTN_BLACKHOLE)});
  BOOST_TEST_REQUIRE(route.has_value());
  BOOST_TEST(route->type == RTN_BLACKHOLE);
  BOOST_TEST(route->next_hops.empty());
}

BOOST_AUTO_TEST_CASE(a_damaged_host_route_is_never_read_as_a_default_route) {
  BOOST_TEST(is_invalid(decode_route(Payload{route_header(AF_INET, 32, RT_TABLE_MAIN)}.add(RTA_OIF, 2U))));
  BOOST_TEST(is_invalid(decode_route(Payload{route_header(AF_INET, 32, RT_TABLE_MAIN)}.add(RTA_DST, bytes_of({1, 2})))));
  BOOST_TEST(is_invalid(decode_route(Payload{route_header(AF_INET, 33, RT_TABLE_MAIN)}.add(RTA_DST, address_bytes("192.0.2.1")))));
}

BOOST_AUTO_TEST_CASE(routes_of_other_families_are_refused) {
  BOOST_TEST(is_invalid(decode_route(Payload{route_header(AF_MPLS, 20, RT_TABLE_MAIN)})));
  BOOST_TEST(is_invalid(decode_route(Payload{route_header(128, 0, RT_TABLE_MAIN)})));
}

BOOST_AUTO_TEST_CASE(a_rule_of_wg_quick_is_read_whole) {
  auto header = rule_header(AF_INET, RT_TABLE_COMPAT);
  header.flags = FIB_RULE_INVERT;
  const auto payload = Payload{header}
                           .add(FRA_SUPPRESS_PREFIXLEN, 0xffffffffU)
                           .add(FRA_TABLE, 51820U)
                           .add(FRA_PRIORITY, 32764U)
                           .add(FRA_FWMARK, 51820U)
                           .add(FRA_FWMASK, 0xffffffffU);
  Rule expected;
  expected.priority = 32764;
  expected.table = 51820;
  expected.action = FR_ACT_TO_TBL;
  expected.flags = FIB_RULE_INVERT;
  expected.fwmark = 51820;
  expected.fwmask = 0xffffffffU;
  BOOST_TEST((decode_rule(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_rule_has_prefixes_and_interfaces) {
  auto header = rule_header(AF_INET6, RT_TABLE_MAIN);
  header.src_len = 64;
  header.dst_len = 32;
  const auto payload = Payload{header}
                           .add(FRA_SRC, address_bytes("2001:db8:1::"))
                           .add(FRA_DST, address_bytes("2001:db8::"))
                           .add(FRA_IIFNAME, "lo")
                           .add(FRA_OIFNAME, "wg0")
                           .add(FRA_SUPPRESS_PREFIXLEN, 0U);
  Rule expected;
  expected.family = Family::v6;
  expected.table = RT_TABLE_MAIN;
  expected.action = FR_ACT_TO_TBL;
  expected.source = prefix("2001:db8:1::/64");
  expected.destination = prefix("2001:db8::/32");
  expected.input_interface = "lo";
  expected.output_interface = "wg0";
  expected.suppress_prefix_length = 0;
  BOOST_TEST((decode_rule(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_rule_of_another_family_or_with_an_impossible_prefix_is_refused) {
  BOOST_TEST(is_invalid(decode_rule(Payload{rule_header(129, RT_TABLE_MAIN)})));
  auto header = rule_header(AF_INET, RT_TABLE_MAIN);
  header.src_len = 33;
  BOOST_TEST(is_invalid(decode_rule(Payload{header})));
}

BOOST_AUTO_TEST_CASE(the_option_of_a_router_advertisement_is_its_first_byte) {
  nduseroptmsg header{};
  header.nduseropt_family = AF_INET6;
  header.nduseropt_ifindex = 2;
  auto bytes = Payload{header}.bytes();
  BOOST_TEST(is_invalid(decode_router_option(bytes)));
  bytes.push_back(std::byte{25});
  BOOST_TEST((decode_router_option(bytes) == RouterOption{2, 25}));
}

BOOST_AUTO_TEST_CASE(an_error_code_is_a_negative_errno_value) {
  BOOST_TEST((decode_error_code(Payload{-ENETUNREACH}) == ENETUNREACH));
  BOOST_TEST((decode_error_code(Payload{0}) == 0));
  BOOST_TEST(is_invalid(decode_error_code(Payload{1})));
  BOOST_TEST(is_invalid(decode_error_code(Payload{std::numeric_limits<int>::min()})));
  BOOST_TEST(is_invalid(decode_error_code(bytes_of({1, 2}))));
}

BOOST_AUTO_TEST_CASE(a_message_shorter_than_its_header_is_refused_by_every_decoder) {
  const auto bytes = bytes_of({2, 0, 0});
  BOOST_TEST(is_invalid(decode_link(bytes)));
  BOOST_TEST(is_invalid(decode_address(bytes)));
  BOOST_TEST(is_invalid(decode_route(bytes)));
  BOOST_TEST(is_invalid(decode_rule(bytes)));
  BOOST_TEST(is_invalid(decode_router_option(bytes)));
}

BOOST_AUTO_TEST_CASE(the_answer_of_a_look_up_is_the_route_with_its_next_hops) {
  const auto payload = Payload{route_header(AF_INET, 32, RT_TABLE_MAIN)}
                           .add(RTA_DST, address_bytes("198.51.100.7"))
                           .add(RTA_TABLE, 51820U)
                           .add(RTA_OIF, 5U)
                           .add(RTA_GATEWAY, address_bytes("198.19.0.1"))
                           .add(RTA_PREFSRC, address_bytes("198.19.0.2"));
  const auto answer = decode_route_answer(reply(RTM_NEWROUTE, payload)).value();
  BOOST_TEST((answer.kind == RouteAnswer::Kind::device));
  BOOST_TEST(answer.route.table == 51820U);
  BOOST_TEST((answer.route.next_hops == std::vector{NextHop{5, ip("198.19.0.1")}}));
}

BOOST_AUTO_TEST_CASE(the_type_of_the_route_decides_what_the_answer_is) {
  const auto kind = [](unsigned char type) {
    return decode_route_answer(reply(RTM_NEWROUTE, Payload{route_header(AF_INET6, 0, RT_TABLE_MAIN, type)}.add(RTA_OIF, 1U)))->kind;
  };
  BOOST_TEST((kind(RTN_LOCAL) == RouteAnswer::Kind::local));
  BOOST_TEST((kind(RTN_BLACKHOLE) == RouteAnswer::Kind::blackhole));
  BOOST_TEST((kind(RTN_UNREACHABLE) == RouteAnswer::Kind::unreachable));
  BOOST_TEST((kind(RTN_THROW) == RouteAnswer::Kind::unreachable));
  BOOST_TEST((kind(RTN_PROHIBIT) == RouteAnswer::Kind::prohibit));
  BOOST_TEST((kind(RTN_MULTICAST) == RouteAnswer::Kind::device));
}

BOOST_AUTO_TEST_CASE(codes_that_say_no_route_are_answers_and_all_others_are_errors) {
  const auto answer = [](int code) { return decode_route_answer(reply(NLMSG_ERROR, Payload{code})); };
  BOOST_TEST((answer(-ENETUNREACH)->kind == RouteAnswer::Kind::unreachable));
  BOOST_TEST((answer(-EHOSTUNREACH)->kind == RouteAnswer::Kind::unreachable));
  BOOST_TEST((answer(-EINVAL)->kind == RouteAnswer::Kind::blackhole));
  BOOST_TEST((answer(-EACCES)->kind == RouteAnswer::Kind::prohibit));
  BOOST_TEST((answer(-ENOBUFS).error().kind == Error::Kind::overrun));
  BOOST_TEST((answer(-EPERM).error().kind == Error::Kind::not_permitted));
  BOOST_TEST(!answer(0).has_value());
  BOOST_TEST(!answer(5).has_value());
  BOOST_TEST(is_invalid(decode_route_answer(reply(RTM_NEWLINK, Payload{}))));
}

BOOST_AUTO_TEST_SUITE_END()
