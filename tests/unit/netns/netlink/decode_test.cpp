#include "netns/netlink/decode.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
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
  const auto info = Payload{}.add(99, "later").add(IFLA_INFO_KIND, "wireguard").add(IFLA_INFO_SLAVE_KIND, "vrf");
  const auto payload = Payload{link_header(5, IFF_UP | IFF_POINTOPOINT)}
                           .add(IFLA_IFNAME, "wg0")
                           .add(IFLA_MTU, 1420U)
                           .add(IFLA_OPERSTATE, bytes_of({0}))
                           .add(IFLA_CARRIER, bytes_of({1}))
                           .add(IFLA_STATS64, value_of(statistics))
                           .add(200, "an attribute of a later kernel")
                           .add(IFLA_MASTER, 9U)
                           .add(IFLA_GROUP, 3U)
                           .add(IFLA_LINKINFO | NLA_F_NESTED, info.bytes());
  const Link expected{5, "wg0", "wireguard", ARPHRD_NONE, IFF_UP | IFF_POINTOPOINT, 0, true, 1420, 1ULL << 40U, 4, 1, 2, 9, "vrf", 3};
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

BOOST_AUTO_TEST_CASE(a_rule_has_every_other_selector) {
  auto header = rule_header(AF_INET, RT_TABLE_MAIN);
  header.action = FR_ACT_GOTO;
  header.tos = 0x10;
  const auto payload = Payload{header}
                           .add(FRA_GOTO, 200U)
                           .add(FRA_FLOW, 0x10002U)
                           .add(FRA_TUN_ID, bytes_of({0, 0, 0, 1, 0, 0, 0, 7}))
                           .add(FRA_PAD, Bytes{})
                           .add(FRA_SUPPRESS_IFGROUP, 3U)
                           .add(FRA_L3MDEV, bytes_of({1}))
                           .add(FRA_UID_RANGE, value_of(fib_rule_uid_range{1000, 1999}))
                           .add(FRA_PROTOCOL, bytes_of({RTPROT_STATIC}))
                           .add(FRA_IP_PROTO, bytes_of({17}))
                           .add(FRA_SPORT_RANGE, value_of(fib_rule_port_range{1, 2}))
                           .add(FRA_DPORT_RANGE, value_of(fib_rule_port_range{53, 53}));
  Rule expected;
  expected.table = RT_TABLE_MAIN;
  expected.action = FR_ACT_GOTO;
  expected.tos = 0x10;
  expected.go_to = 200;
  expected.realms = 0x10002;
  expected.tunnel_id = (1ULL << 32U) + 7;
  expected.suppress_group = 3;
  expected.l3mdev = true;
  expected.uids = UidRange{1000, 1999};
  expected.protocol = RTPROT_STATIC;
  expected.ip_protocol = 17;
  expected.source_ports = PortRange{1, 2};
  expected.destination_ports = PortRange{53, 53};
  BOOST_TEST((decode_rule(payload) == expected));
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_not_understood_whole_says_so) {
  const auto unknown = [](const Payload& payload) { return decode_rule(payload)->has_unknown; };
  const auto plain = rule_header(AF_INET, RT_TABLE_MAIN);
  BOOST_TEST(!unknown(Payload{plain}));
  constexpr unsigned dscp = 25;
  constexpr unsigned source_port_mask = 28;
  BOOST_TEST(unknown(Payload{plain}.add(dscp, bytes_of({10}))));
  BOOST_TEST(unknown(Payload{plain}.add(200, "of a later kernel")));
  // A kernel that knows masks sends the full one with every single port.
  BOOST_TEST(!unknown(Payload{plain}.add(source_port_mask, bytes_of({0xff, 0xff}))));
  BOOST_TEST(unknown(Payload{plain}.add(source_port_mask, bytes_of({0xff, 0x0f}))));
  for (const unsigned damaged : {FRA_FWMARK, FRA_SRC, FRA_IIFNAME, FRA_UID_RANGE, FRA_DPORT_RANGE, FRA_TUN_ID, FRA_L3MDEV}) {
    BOOST_TEST(unknown(Payload{plain}.add(damaged, Bytes{})), damaged);
  }
  auto header = plain;
  header.action = 4;
  BOOST_TEST(unknown(Payload{header}));
  header = plain;
  header.flags = 1U << 30U;
  BOOST_TEST(unknown(Payload{header}));
  header = plain;
  header.dst_len = 24;
  BOOST_TEST(unknown(Payload{header}));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_does_silently_to_a_rule_is_no_part_of_it) {
  auto header = rule_header(AF_INET, RT_TABLE_MAIN);
  header.flags = FIB_RULE_INVERT | FIB_RULE_UNRESOLVED | FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED;
  BOOST_TEST(decode_rule(Payload{header})->flags == FIB_RULE_INVERT);
}

BOOST_AUTO_TEST_CASE(a_next_hop_object_is_one_next_hop_a_group_or_a_blackhole) {
  const nhmsg single{AF_INET6, 0, RTPROT_STATIC, 0, RTNH_F_ONLINK};
  const auto hop =
      decode_next_hop_object(Payload{single}.add(NHA_ID, 7U).add(NHA_OIF, 2U).add(NHA_GATEWAY, address_bytes("fe80::1")).add(99, "later"));
  const NextHopObject expected{7, AF_INET6, RTPROT_STATIC, false, NextHop{2, ip("fe80::1"), RTNH_F_ONLINK}, {}, {}};
  BOOST_TEST((hop == expected));
  auto members = value_of(nexthop_grp{7, 0, 0, 0});
  const auto second = value_of(nexthop_grp{8, 9, 0, 0});
  members.insert(members.end(), second.begin(), second.end());
  members.push_back(std::byte{1});
  const auto group = decode_next_hop_object(Payload{nhmsg{}}.add(NHA_ID, 9U).add(NHA_GROUP, members));
  BOOST_TEST((group == NextHopObject{9, AF_UNSPEC, 0, false, {}, {7, 8}, {0, 9}}));
  BOOST_TEST((decode_next_hop_object(Payload{nhmsg{}}.add(NHA_ID, 3U).add(NHA_BLACKHOLE, Bytes{}))->blackhole));
  BOOST_TEST(is_invalid(decode_next_hop_object(Payload{single}.add(NHA_OIF, 2U))));
}

BOOST_AUTO_TEST_CASE(a_link_that_moved_to_another_namespace_says_so) {
  BOOST_TEST(tells_move_to_namespace(Payload{link_header(5, 0)}.add(IFLA_IFNAME, "wg0").add(IFLA_NEW_NETNSID, 0U)));
  BOOST_TEST(!tells_move_to_namespace(Payload{link_header(5, 0)}.add(IFLA_IFNAME, "wg0")));
  BOOST_TEST(!tells_move_to_namespace({}));
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

BOOST_AUTO_TEST_CASE(the_dns_servers_of_a_router_advertisement_are_read) {
  nduseroptmsg header{};
  header.nduseropt_family = AF_INET6;
  header.nduseropt_ifindex = 2;
  header.nduseropt_opts_len = 40;
  auto content = bytes_of({25, 5, 0, 0, 0, 0, 2, 0x58});
  for (const auto* server : {"2001:db8::53", "2001:db8::54"}) {
    const auto address = address_bytes(server);
    content.insert(content.end(), address.begin(), address.end());
  }
  const auto message = [&](std::size_t length) {
    auto bytes = Payload{header}.bytes();
    bytes.insert(bytes.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(length));
    if (length < content.size()) return bytes;
    const auto source = Payload{}.add(NDUSEROPT_SRCADDR, address_bytes("fe80::1")).bytes();
    bytes.insert(bytes.end(), source.begin(), source.end());
    return bytes;
  };
  const RouterOption expected{2, 25, ip("fe80::1"), {ip("2001:db8::53"), ip("2001:db8::54")}, 600};
  BOOST_TEST((decode_router_option(message(40)) == expected));
  // What is cut off is not guessed.
  BOOST_TEST((decode_router_option(message(39)) == RouterOption{2, 25}));
  content[1] = std::byte{6};
  BOOST_TEST((decode_router_option(message(40)) == RouterOption{2, 25}));
}

BOOST_AUTO_TEST_CASE(an_advertised_prefix_is_read_with_its_link) {
  const auto header = [](unsigned char family, unsigned char length) {
    prefixmsg made{};
    made.prefix_family = family;
    made.prefix_ifindex = 2;
    made.prefix_len = length;
    return made;
  };
  const auto address = address_bytes("2001:db8::");
  BOOST_TEST((decode_advertised_prefix(Payload{header(AF_INET6, 64)}.add(PREFIX_ADDRESS, address)) ==
              AdvertisedPrefix{2, prefix("2001:db8::/64")}));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET6, 129)}.add(PREFIX_ADDRESS, address))));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET, 24)}.add(PREFIX_ADDRESS, address))));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET6, 64)})));
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
