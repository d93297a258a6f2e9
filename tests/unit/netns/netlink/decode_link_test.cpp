#include "netns/netlink/decode.hpp"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/decoded.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

ifinfomsg link_header(int index, unsigned flags, unsigned char family = AF_UNSPEC) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_type = ARPHRD_NONE;
  header.ifi_index = index;
  header.ifi_flags = flags;
  return header;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode_link_messages)

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

BOOST_AUTO_TEST_CASE(a_link_that_moved_to_another_namespace_says_so) {
  BOOST_TEST(tells_move_to_namespace(Payload{link_header(5, 0)}.add(IFLA_IFNAME, "wg0").add(IFLA_NEW_NETNSID, 0U)));
  BOOST_TEST(!tells_move_to_namespace(Payload{link_header(5, 0)}.add(IFLA_IFNAME, "wg0")));
  BOOST_TEST(!tells_move_to_namespace({}));
}

BOOST_AUTO_TEST_SUITE_END()
