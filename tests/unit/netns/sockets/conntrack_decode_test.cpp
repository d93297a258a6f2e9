#include "netns/sockets/conntrack_decode.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

Bytes ends(const char* source, const char* destination) {
  const bool v4 = std::string_view(source).find(':') == std::string_view::npos;
  return Payload{}
      .add(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, address_bytes(source))
      .add(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, address_bytes(destination))
      .bytes();
}

Bytes protocol(unsigned number, std::uint16_t source, std::uint16_t destination) {
  return Payload{}
      .add(CTA_PROTO_NUM, bytes_of({number}))
      .add(CTA_PROTO_SRC_PORT, value_of(htons(source)))
      .add(CTA_PROTO_DST_PORT, value_of(htons(destination)))
      .bytes();
}

Bytes tuple(const Bytes& addresses, const Bytes& numbers) {
  return Payload{}.add(CTA_TUPLE_IP | NLA_F_NESTED, addresses).add(CTA_TUPLE_PROTO | NLA_F_NESTED, numbers).bytes();
}

Bytes counters(std::uint64_t packets, std::uint64_t bytes) {
  return Payload{}.add(CTA_COUNTERS_PACKETS, value_of(htobe64(packets))).add(CTA_COUNTERS_BYTES, value_of(htobe64(bytes))).bytes();
}

Payload start() { return Payload{nfgenmsg{AF_INET, 0, 0}}; }

Payload ordinary() {
  return start()
      .add(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple(ends("198.51.100.9", "203.0.113.7"), protocol(IPPROTO_UDP, 40000, 443)))
      .add(CTA_TUPLE_REPLY | NLA_F_NESTED, tuple(ends("203.0.113.7", "192.0.2.1"), protocol(IPPROTO_UDP, 443, 50000)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conntrack_decode)

BOOST_AUTO_TEST_CASE(both_directions_of_a_connection_are_read) {
  const auto found = decode_tracked_connection(ordinary()
                                                   .add(CTA_STATUS, htonl(IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED))
                                                   .add(CTA_TIMEOUT, htonl(29))
                                                   .add(CTA_MARK, htonl(0x51820))
                                                   .add(CTA_ID, htonl(77))
                                                   .add(CTA_ZONE, value_of(htons(3)))
                                                   .add(CTA_COUNTERS_ORIG | NLA_F_NESTED, counters(2, 300))
                                                   .add(CTA_COUNTERS_REPLY | NLA_F_NESTED, counters(1, 5'000'000'000)))
                         .value();
  BOOST_TEST(found.protocol == IPPROTO_UDP);
  BOOST_TEST(found.original.source.to_string() == "198.51.100.9:40000");
  BOOST_TEST(found.original.destination.to_string() == "203.0.113.7:443");
  BOOST_TEST(found.reply.destination.to_string() == "192.0.2.1:50000");
  BOOST_TEST(found.counted);
  BOOST_TEST(found.original.packets == 2U);
  BOOST_TEST(found.original.bytes == 300U);
  BOOST_TEST(found.reply.bytes == 5'000'000'000U);
  BOOST_TEST(found.answered);
  BOOST_TEST(found.assured);
  BOOST_TEST(found.mark == 0x51820U);
  BOOST_TEST(found.id == 77U);
  BOOST_TEST(found.zone == 3U);
  BOOST_TEST((found.expires == std::chrono::seconds{29}));
}

BOOST_AUTO_TEST_CASE(without_counters_it_is_not_counted) {
  const auto found = decode_tracked_connection(ordinary()).value();
  BOOST_TEST(!found.counted);
  BOOST_TEST(!found.answered);
  BOOST_TEST(!found.assured);
  const auto half = Payload{}.add(CTA_COUNTERS_PACKETS, value_of(htobe64(1))).bytes();
  BOOST_TEST(!decode_tracked_connection(ordinary().add(CTA_COUNTERS_ORIG | NLA_F_NESTED, half))->counted);
}

BOOST_AUTO_TEST_CASE(ipv6_and_protocols_without_ports_are_read) {
  const auto numbers = Payload{}.add(CTA_PROTO_NUM, bytes_of({IPPROTO_ICMPV6})).bytes();
  const auto found =
      decode_tracked_connection(start().add(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple(ends("2001:db8::9", "2001:db8::7"), numbers))).value();
  BOOST_TEST(found.protocol == IPPROTO_ICMPV6);
  BOOST_TEST(found.original.destination.address.to_string() == "2001:db8::7");
  BOOST_TEST(found.original.destination.port == 0);
}

BOOST_AUTO_TEST_CASE(what_has_no_whole_original_direction_is_refused) {
  BOOST_TEST(!decode_tracked_connection({}).has_value());
  BOOST_TEST(!decode_tracked_connection(start()).has_value());
  const auto numbers = protocol(IPPROTO_TCP, 1, 2);
  BOOST_TEST(!decode_tracked_connection(start().add(CTA_TUPLE_ORIG, tuple({}, numbers))).has_value());
  BOOST_TEST(!decode_tracked_connection(start().add(CTA_TUPLE_ORIG, tuple(ends("192.0.2.1", "192.0.2.2"), {}))).has_value());
  // Two families in one direction.
  const auto mixed = Payload{}.add(CTA_IP_V4_SRC, address_bytes("192.0.2.1")).add(CTA_IP_V6_DST, address_bytes("2001:db8::7")).bytes();
  BOOST_TEST(!decode_tracked_connection(start().add(CTA_TUPLE_ORIG, tuple(mixed, numbers))).has_value());
  // An address of a wrong size.
  const auto shorter = Payload{}.add(CTA_IP_V4_SRC, bytes_of({1, 2})).add(CTA_IP_V4_DST, address_bytes("192.0.2.1")).bytes();
  BOOST_TEST(!decode_tracked_connection(start().add(CTA_TUPLE_ORIG, tuple(shorter, numbers))).has_value());
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_message_is_refused_or_read_without_what_is_missing) {
  const auto whole = ordinary().add(CTA_COUNTERS_ORIG | NLA_F_NESTED, counters(2, 300)).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto found = decode_tracked_connection(std::span(whole).first(size));
    BOOST_TEST((!found || found->original.destination.port == 443), size);
  }
}

BOOST_AUTO_TEST_SUITE_END()
