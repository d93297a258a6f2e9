#include "netns/netlink/request.hpp"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

rtmsg question_header(unsigned char family, unsigned char length) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = length;
  header.rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH;
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
  const std::array questions{RouteQuestion{IpAddress::v4({203, 0, 113, 1}), {}},
                             RouteQuestion{IpAddress::parse("2001:db8::1").value(), {}}};
  auto expected =
      message_of(RTM_GETROUTE, Payload{question_header(AF_INET, 32)}.add(RTA_DST, bytes_of({203, 0, 113, 1})), NLM_F_REQUEST, 41);
  const auto second =
      message_of(RTM_GETROUTE,
                 Payload{question_header(AF_INET6, 128)}.add(RTA_DST, bytes_of({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})),
                 NLM_F_REQUEST, 42);
  expected.insert(expected.end(), second.begin(), second.end());
  BOOST_TEST((route_requests(questions, 41) == expected));
  BOOST_TEST(route_requests({}, 1).empty());
}

BOOST_AUTO_TEST_CASE(a_question_carries_what_the_rules_look_at) {
  Flow flow;
  flow.mark = 0x1234;
  flow.uid = 1000;
  flow.ip_protocol = IPPROTO_TCP;
  flow.source_port = 5000;
  flow.destination_port = 443;
  flow.tos = 0x10;
  flow.source = IpAddress::v4({203, 0, 113, 10});
  auto header = question_header(AF_INET, 32);
  header.rtm_src_len = 32;
  header.rtm_tos = 0x10;
  const auto expected = message_of(RTM_GETROUTE,
                                   Payload{header}
                                       .add(RTA_DST, bytes_of({198, 51, 100, 7}))
                                       .add(RTA_SRC, bytes_of({203, 0, 113, 10}))
                                       .add(RTA_MARK, 0x1234U)
                                       .add(RTA_UID, 1000U)
                                       .add(RTA_IP_PROTO, value_of(static_cast<std::uint8_t>(IPPROTO_TCP)))
                                       .add(RTA_SPORT, value_of(htons(5000)))
                                       .add(RTA_DPORT, value_of(htons(443))),
                                   NLM_F_REQUEST, 7);
  BOOST_TEST((route_requests(std::array{RouteQuestion{IpAddress::v4({198, 51, 100, 7}), flow}}, 7) == expected));
}

BOOST_AUTO_TEST_SUITE_END()
