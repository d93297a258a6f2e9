#include "netns/netlink/decode.hpp"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/decoded.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_AUTO_TEST_SUITE(decode_next_hop_messages)

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

BOOST_AUTO_TEST_SUITE_END()
