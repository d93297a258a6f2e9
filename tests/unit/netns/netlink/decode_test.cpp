#include "netns/netlink/decode.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <limits>

#include "tests/unit/netns/support/decoded.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

rtmsg route_header(unsigned char family, unsigned char length, unsigned char table, unsigned char type = RTN_UNICAST) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = length;
  header.rtm_table = table;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = type;
  return header;
}

NetlinkMessage reply(std::uint16_t type, const Payload& payload) { return {type, 0, 1, 0, payload}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(decode)

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
  const auto hops = Payload{}.append(rtnexthop{16, RTNH_F_LINKDOWN, 9, 2}, gateway.bytes()).append(rtnexthop{8, 0, 0, 3}, {});
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
                       {NextHop{2, ip("203.0.113.1"), RTNH_F_LINKDOWN, 9}, NextHop{3, std::nullopt}}};
  BOOST_TEST((decode_route(payload) == expected));
}

BOOST_AUTO_TEST_CASE(the_flags_of_a_route_are_those_of_its_only_next_hop) {
  auto header = route_header(AF_INET6, 0, RT_TABLE_MAIN);
  header.rtm_flags = RTNH_F_DEAD | RTNH_F_LINKDOWN | RTM_F_PREFIX;
  const auto route = decode_route(Payload{header}.add(RTA_OIF, 2U).add(RTA_PREF, bytes_of({3})).add(RTA_NH_ID, 7U));
  BOOST_TEST_REQUIRE(route.has_value());
  BOOST_TEST((route->next_hops == std::vector{NextHop{2, std::nullopt, RTNH_F_DEAD | RTNH_F_LINKDOWN}}));
  BOOST_TEST(route->preference == 3U);
  BOOST_TEST(route->next_hop_id == 7U);
}

BOOST_AUTO_TEST_CASE(a_route_by_a_next_hop_object_may_lack_its_next_hops) {
  const auto route = decode_route(Payload{route_header(AF_INET, 0, RT_TABLE_MAIN)}.add(RTA_NH_ID, 7U));
  BOOST_TEST_REQUIRE(route.has_value());
  BOOST_TEST(route->next_hops.empty());
  BOOST_TEST(route->next_hop_id == 7U);
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
  BOOST_TEST(is_invalid(decode_next_hop_object(bytes)));
  BOOST_TEST(is_invalid(decode_advertised_prefix(bytes)));
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
