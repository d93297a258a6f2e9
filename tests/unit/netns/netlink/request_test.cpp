#include "netns/netlink/request.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

rtmsg route_header(unsigned char family, unsigned char length) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = length;
  header.rtm_flags = RTM_F_LOOKUP_TABLE;
  return header;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request)

BOOST_AUTO_TEST_CASE(a_dump_asks_for_one_kind_of_one_family) {
  const auto check = [](DumpKind kind, std::uint16_t type, unsigned family, std::size_t body) {
    Bytes header(body);
    header.front() = static_cast<std::byte>(family);
    auto expected = value_of(nlmsghdr{static_cast<std::uint32_t>(16 + body), type, NLM_F_REQUEST | NLM_F_DUMP, 9, 0});
    expected.insert(expected.end(), header.begin(), header.end());
    BOOST_TEST((dump_request(kind, 9) == expected), type);
  };
  check(DumpKind::links, RTM_GETLINK, AF_UNSPEC, 16);
  check(DumpKind::addresses, RTM_GETADDR, AF_UNSPEC, 8);
  check(DumpKind::next_hop_objects, RTM_GETNEXTHOP, AF_UNSPEC, 8);
  check(DumpKind::routes_v4, RTM_GETROUTE, AF_INET, 12);
  check(DumpKind::routes_v6, RTM_GETROUTE, AF_INET6, 12);
  check(DumpKind::rules_v4, RTM_GETRULE, AF_INET, 12);
  check(DumpKind::rules_v6, RTM_GETRULE, AF_INET6, 12);
}

BOOST_AUTO_TEST_CASE(a_link_is_asked_for_by_its_index) {
  ifinfomsg header{};
  header.ifi_index = 77;
  BOOST_TEST((link_request(77, 3) == message_of(RTM_GETLINK, Payload{header}, NLM_F_REQUEST, 3)));
}

BOOST_AUTO_TEST_CASE(route_requests_are_numbered_messages_in_one_datagram) {
  const std::array destinations{IpAddress::v4({203, 0, 113, 1}), IpAddress::parse("2001:db8::1").value()};
  auto expected = message_of(RTM_GETROUTE, Payload{route_header(AF_INET, 32)}.add(RTA_DST, bytes_of({203, 0, 113, 1})), NLM_F_REQUEST, 41);
  const auto second = message_of(
      RTM_GETROUTE, Payload{route_header(AF_INET6, 128)}.add(RTA_DST, bytes_of({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})),
      NLM_F_REQUEST, 42);
  expected.insert(expected.end(), second.begin(), second.end());
  BOOST_TEST((route_requests(destinations, 41) == expected));
  BOOST_TEST(route_requests({}, 1).empty());
}

BOOST_AUTO_TEST_SUITE_END()
