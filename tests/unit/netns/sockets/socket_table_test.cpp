#include "netns/sockets/socket_table.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netns/sockets/packet_sockets.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

inet_diag_msg message(int family = AF_INET, const char* near = "198.51.100.9", const char* far = "203.0.113.7") {
  inet_diag_msg body{};
  body.idiag_family = static_cast<std::uint8_t>(family);
  body.idiag_state = 1;
  body.idiag_uid = 1000;
  body.idiag_inode = 4242;
  body.id.idiag_sport = htons(40000);
  body.id.idiag_dport = htons(443);
  body.id.idiag_if = 3;
  body.id.idiag_cookie[0] = 7;
  body.id.idiag_cookie[1] = 1;
  inet_pton(family, near, body.id.idiag_src);
  inet_pton(family, far, body.id.idiag_dst);
  return body;
}

/// As much of struct tcp_info as a kernel tells, with 11 acknowledged, 22 received and 33 sent bytes.
Bytes info_of(std::size_t size) {
  Bytes info(280);
  const auto put = [&info](std::size_t at, std::uint64_t value) { std::memcpy(info.data() + at, &value, sizeof value); };
  put(120, 11);
  put(128, 22);
  put(200, 33);
  info.resize(size);
  return info;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_table)

BOOST_AUTO_TEST_CASE(everything_that_the_kernel_tells_of_a_socket_is_read) {
  const auto entry =
      decode_socket_entry(Payload{message()}.add(INET_DIAG_MARK, std::uint32_t{5}).add(INET_DIAG_INFO, info_of(280)), IPPROTO_TCP).value();
  BOOST_TEST((entry.state == SocketState::established));
  BOOST_TEST(entry.local.to_string() == "198.51.100.9:40000");
  BOOST_TEST(entry.remote.to_string() == "203.0.113.7:443");
  BOOST_TEST(entry.uid == 1000U);
  BOOST_TEST(entry.inode == 4242U);
  BOOST_TEST(entry.link_index == 3U);
  BOOST_TEST(entry.cookie == (std::uint64_t{1} << 32U | 7U));
  BOOST_TEST(entry.mark.value() == 5U);
  BOOST_TEST((entry.counters == TcpCounters{11, 22, 33}));
}

BOOST_AUTO_TEST_CASE(who_has_a_packet_socket_and_by_which_device_is_read) {
  packet_diag_msg body{};
  body.pdiag_family = AF_PACKET;
  body.pdiag_ino = 4242;
  Bytes info(sizeof(packet_diag_info));
  const std::uint32_t index = 3;
  std::memcpy(info.data(), &index, sizeof index);
  const auto whole = Payload{body}.add(PACKET_DIAG_INFO, info).add(PACKET_DIAG_UID, std::uint32_t{1000});
  BOOST_TEST((decode_packet_socket(whole).value() == PacketSocket{4242, 3, 1000}));
  BOOST_TEST((decode_packet_socket(Payload{body}).value() == PacketSocket{4242, 0, std::nullopt}));
  body.pdiag_family = AF_INET;
  BOOST_TEST(!decode_packet_socket(Payload{body}).has_value());
}

BOOST_AUTO_TEST_CASE(an_older_kernel_tells_fewer_counters_and_a_cut_one_none) {
  const auto counters = [](std::size_t size) {
    return decode_socket_entry(Payload{message()}.add(INET_DIAG_INFO, info_of(size)), IPPROTO_TCP)->counters;
  };
  BOOST_TEST((counters(192) == TcpCounters{11, 22, 0}));
  BOOST_TEST((counters(207) == TcpCounters{11, 22, 0}));
  BOOST_TEST(!counters(135).has_value());
  BOOST_TEST(!counters(0).has_value());
}

BOOST_AUTO_TEST_CASE(udp_has_no_counters_whatever_the_attribute_says) {
  const auto entry = decode_socket_entry(Payload{message()}.add(INET_DIAG_INFO, info_of(280)), IPPROTO_UDP);
  BOOST_TEST(!entry->counters.has_value());
}

BOOST_AUTO_TEST_CASE(a_mark_of_a_wrong_size_is_none) {
  BOOST_TEST(!decode_socket_entry(Payload{message()}.add(INET_DIAG_MARK, bytes_of({1, 2})), IPPROTO_TCP)->mark.has_value());
  BOOST_TEST(!decode_socket_entry(Payload{message()}, IPPROTO_TCP)->mark.has_value());
}

BOOST_AUTO_TEST_CASE(ipv6_is_told_and_ipv4_in_an_ipv6_socket_is_ipv4) {
  const auto entry = decode_socket_entry(Payload{message(AF_INET6, "2001:db8::9", "2001:db8::7")}, IPPROTO_TCP);
  BOOST_TEST(entry->remote.to_string() == "[2001:db8::7]:443");
  const auto mapped = decode_socket_entry(Payload{message(AF_INET6, "::ffff:198.51.100.9", "::ffff:203.0.113.7")}, IPPROTO_UDP);
  BOOST_TEST(mapped->family == AF_INET6);
  BOOST_TEST(mapped->remote.to_string() == "203.0.113.7:443");
}

BOOST_AUTO_TEST_CASE(a_state_that_is_not_known_is_unknown) {
  auto body = message();
  body.idiag_state = 200;
  BOOST_TEST((decode_socket_entry(Payload{body}, IPPROTO_TCP)->state == SocketState::unknown));
}

BOOST_AUTO_TEST_CASE(short_messages_and_other_families_are_refused) {
  BOOST_TEST(!decode_socket_entry({}, IPPROTO_TCP).has_value());
  const auto whole = Payload{message()}.bytes();
  BOOST_TEST(!decode_socket_entry(std::span(whole).first(sizeof(inet_diag_msg) - 1), IPPROTO_TCP).has_value());
  auto body = message();
  body.idiag_family = AF_UNIX;
  BOOST_TEST(!decode_socket_entry(Payload{body}, IPPROTO_TCP).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
