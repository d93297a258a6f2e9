#include "netns/netlink/decode.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/decoded.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

fib_rule_hdr rule_header(unsigned char family, unsigned char table) {
  fib_rule_hdr header{};
  header.family = family;
  header.table = table;
  header.action = FR_ACT_TO_TBL;
  return header;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode_rule_messages)

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

BOOST_AUTO_TEST_CASE(a_rule_of_another_family_or_with_an_impossible_prefix_is_refused) {
  BOOST_TEST(is_invalid(decode_rule(Payload{rule_header(129, RT_TABLE_MAIN)})));
  auto header = rule_header(AF_INET, RT_TABLE_MAIN);
  header.src_len = 33;
  BOOST_TEST(is_invalid(decode_rule(Payload{header})));
}

BOOST_AUTO_TEST_SUITE_END()
