#include "netns/sockets/nflog_decode.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

Payload start() { return Payload{nfgenmsg{AF_INET, 0, 0}}; }

/// From 198.51.100.9 port 40000 to 203.0.113.7 port 443, 32 bytes long.
Bytes udp_v4(unsigned fragment = 0) {
  return bytes_of(
      {0x45, 0, 0, 32, 0, 0, fragment >> 8U, fragment & 255U, 64, 17, 0, 0, 198, 51, 100, 9, 203, 0, 113, 7, 156, 64, 1, 187, 0, 12,
       0,    0, 1, 2,  3, 4});
}

/// An IPv6 header with the given next header, then what follows.
Bytes v6(unsigned next, const Bytes& rest) {
  auto bytes = bytes_of({0x60, 0, 0, 0, 0, static_cast<unsigned>(rest.size()), next, 64});
  for (const auto* text : {"2001:db8::9", "2001:db8::7"}) {
    const auto address = address_bytes(text);
    bytes.insert(bytes.end(), address.begin(), address.end());
  }
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

LoggedPacket decoded(const Bytes& packet) { return decode_logged_packet(start().add(NFULA_PAYLOAD, packet)).value(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(nflog_decode)

BOOST_AUTO_TEST_CASE(packet_device_user_and_the_words_of_the_rule_are_read) {
  const auto packet = decode_logged_packet(start()
                                               .add(NFULA_PREFIX, "blocked\n: ")
                                               .add(NFULA_IFINDEX_OUTDEV, htonl(3))
                                               .add(NFULA_UID, htonl(1000))
                                               .add(NFULA_MARK, htonl(9))
                                               .add(NFULA_SEQ, htonl(41))
                                               .add(NFULA_PAYLOAD, udp_v4()))
                          .value();
  BOOST_TEST(packet.protocol == IPPROTO_UDP);
  BOOST_TEST(packet.source.to_string() == "198.51.100.9:40000");
  BOOST_TEST(packet.destination.to_string() == "203.0.113.7:443");
  BOOST_TEST(packet.bytes == 32U);
  BOOST_TEST(packet.out_index == 3U);
  BOOST_TEST(packet.in_index == 0U);
  BOOST_TEST(packet.uid.value() == 1000U);
  BOOST_TEST(packet.mark == 9U);
  BOOST_TEST(packet.sequence.value() == 41U);
  BOOST_TEST(packet.prefix == "blocked?: ");
}

BOOST_AUTO_TEST_CASE(a_packet_without_a_socket_has_no_user) { BOOST_TEST(!decoded(udp_v4()).uid.has_value()); }

BOOST_AUTO_TEST_CASE(later_fragments_have_no_ports) {
  BOOST_TEST(decoded(udp_v4(0x2000)).destination.port == 443);
  BOOST_TEST(decoded(udp_v4(3)).destination.port == 0);
}

BOOST_AUTO_TEST_CASE(extension_headers_of_ipv6_are_passed_over) {
  const auto ports = bytes_of({156, 64, 1, 187, 0, 8, 0, 0});
  BOOST_TEST(decoded(v6(IPPROTO_UDP, ports)).destination.to_string() == "[2001:db8::7]:443");
  auto options = bytes_of({IPPROTO_TCP, 0, 0, 0, 0, 0, 0, 0});
  options.insert(options.end(), ports.begin(), ports.end());
  const auto packet = decoded(v6(IPPROTO_HOPOPTS, options));
  BOOST_TEST(packet.protocol == IPPROTO_TCP);
  BOOST_TEST(packet.destination.port == 443);
  auto fragment = bytes_of({IPPROTO_UDP, 0, 0, 8, 0, 0, 0, 1});
  fragment.insert(fragment.end(), ports.begin(), ports.end());
  BOOST_TEST(decoded(v6(IPPROTO_FRAGMENT, fragment)).destination.port == 0);
}

BOOST_AUTO_TEST_CASE(a_copy_that_ends_early_has_no_ports_and_one_without_a_header_is_refused) {
  const auto whole = udp_v4();
  for (std::size_t size = 20; size < 24; ++size)
    BOOST_TEST(decoded({whole.begin(), whole.begin() + static_cast<long>(size)}).destination.port == 0);
  for (std::size_t size = 0; size < 20; ++size) {
    BOOST_TEST(
        !decode_logged_packet(start().add(NFULA_PAYLOAD, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)))).has_value());
  }
  BOOST_TEST(decoded(v6(IPPROTO_HOPOPTS, bytes_of({6, 0}))).protocol == 0);
  BOOST_TEST(!decode_logged_packet(start()).has_value());
  BOOST_TEST(!decode_logged_packet({}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
