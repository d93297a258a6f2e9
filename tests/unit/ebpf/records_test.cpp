#include "ebpf/records.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

#include "ebpf/flow_wire.h"

using namespace vpn_sentinel;

namespace {

template <typename Wire>
std::span<const std::byte> bytes_of(const Wire& wire) {
  return std::as_bytes(std::span{&wire, 1});
}

void put(std::uint8_t (&into)[16], const char* address) {
  const auto parsed = IpAddress::parse(address).value();
  if (parsed.is_v4()) into[10] = into[11] = 0xff;
  const auto bytes = parsed.bytes();
  std::copy(bytes.begin(), bytes.end(), std::end(into) - static_cast<std::ptrdiff_t>(bytes.size()));
}

vs_record leak() {
  vs_record wire{};
  wire.flow.netns = 4000;
  wire.flow.socket = 0x1234'5678'9abc;
  wire.flow.cgroup = 77;
  wire.flow.count[VS_TUNNEL] = {1, 40};
  wire.flow.count[VS_EXEMPT] = {2, 80};
  wire.flow.count[VS_OUTSIDE] = {4, 512};
  wire.flow.count[VS_STOPPED] = {8, 1024};
  wire.flow.pid = 815;
  wire.flow.uid = 1000;
  wire.flow.how = VS_HOW_SENT;
  std::memcpy(wire.flow.comm, "curl", 4);
  put(wire.source, "192.0.2.1");
  put(wire.destination, "203.0.113.7");
  wire.source_port = htons(40000);
  wire.destination_port = htons(443);
  wire.ifindex = 3;
  wire.length = 128;
  wire.protocol = IPPROTO_UDP;
  wire.family = 4;
  wire.where = VS_OUTSIDE;
  wire.reason = VS_PACKET_OUTSIDE;
  wire.mark = 0xca6c;
  wire.uid = 1001;
  return wire;
}

BOOST_AUTO_TEST_CASE(a_record_of_a_leak_has_owner_counts_and_packet) {
  const auto wire = leak();
  const auto record = decode_flow_record(bytes_of(wire));
  BOOST_REQUIRE(record.has_value());
  FlowRecord expected;
  expected.event = FlowEvent::packet_outside;
  expected.flow = {4000, 0x1234'5678'9abc, SocketOwner{815, 1000, "curl", 77, OwnerBy::sent, false}, {1, 40}, {2, 80}, {4, 512}, {8, 1024}};
  expected.packet = FlowPacket{{IpAddress::parse("192.0.2.1").value(), 40000},
                               {IpAddress::parse("203.0.113.7").value(), 443},
                               IPPROTO_UDP,
                               3,
                               128,
                               PacketWay::outside,
                               0xca6c,
                               1001};
  BOOST_TEST((*record == expected));
}

BOOST_AUTO_TEST_CASE(an_ipv6_packet_keeps_its_whole_address) {
  auto wire = leak();
  wire.family = 6;
  put(wire.destination, "2001:db8::7");
  BOOST_TEST(decode_flow_record(bytes_of(wire))->packet->destination.to_string() == "[2001:db8::7]:443");
}

BOOST_AUTO_TEST_CASE(a_record_without_a_packet_has_none) {
  auto wire = leak();
  wire.family = 0;
  wire.reason = VS_ENDED;
  wire.flow.flags = VS_SHUT;
  const auto record = decode_flow_record(bytes_of(wire));
  BOOST_TEST((record->event == FlowEvent::ended));
  BOOST_TEST(record->flow.closed);
  BOOST_TEST(!record->packet.has_value());
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_the_owner_of_has_none) {
  auto wire = leak();
  wire.flow.how = VS_HOW_UNKNOWN;
  BOOST_TEST(!decode_flow_record(bytes_of(wire))->flow.owner.has_value());
}

BOOST_AUTO_TEST_CASE(a_socket_of_several_programs_says_so) {
  auto wire = leak();
  wire.flow.flags = VS_SEVERAL;
  BOOST_TEST(decode_flow_record(bytes_of(wire))->flow.owner->several);
}

BOOST_AUTO_TEST_CASE(what_is_not_seen_of_senders_and_whose_name_it_is_is_said) {
  auto wire = leak();
  BOOST_TEST(!decode_flow_record(bytes_of(wire))->flow.owner->unseen);
  wire.flow.flags = VS_UNSEEN | VS_THREAD;
  const auto owner = decode_flow_record(bytes_of(wire))->flow.owner.value();
  BOOST_TEST(owner.unseen);
  BOOST_TEST(owner.of_thread);
  BOOST_TEST(!owner.several);
}

BOOST_AUTO_TEST_CASE(a_name_that_fills_its_place_needs_no_end_and_controls_no_terminal) {
  auto wire = leak();
  std::memcpy(wire.flow.comm, "0123456789abcd\x1b[", VS_COMM);
  BOOST_TEST(decode_flow_record(bytes_of(wire))->flow.owner->name == "0123456789abcd?[");
}

BOOST_AUTO_TEST_CASE(a_record_of_another_length_is_refused) {
  const auto wire = leak();
  const auto bytes = bytes_of(wire);
  for (std::size_t size = 0; size < bytes.size(); ++size) BOOST_TEST(!decode_flow_record(bytes.first(size)).has_value());
  const vs_record two[2]{wire, wire};
  BOOST_TEST(!decode_flow_record(std::as_bytes(std::span{two}).first(sizeof wire + 1)).has_value());
}

BOOST_AUTO_TEST_CASE(numbers_that_mean_nothing_are_refused) {
  const std::function<void(vs_record&)> spoilers[] = {
      [](vs_record& wire) { wire.family = 5; },
      [](vs_record& wire) { wire.where = VS_WHERES; },
      [](vs_record& wire) { wire.reason = 0; },
      [](vs_record& wire) { wire.reason = VS_ENDED + 1; },
      [](vs_record& wire) { wire.flow.how = VS_HOW_HELD + 1; },
  };
  for (const auto& spoil : spoilers) {
    auto wire = leak();
    spoil(wire);
    const auto record = decode_flow_record(bytes_of(wire));
    BOOST_REQUIRE(!record.has_value());
    BOOST_TEST((record.error().kind == Error::Kind::invalid));
  }
}

BOOST_AUTO_TEST_CASE(a_flow_alone_is_read_like_one_in_a_record) {
  const auto wire = leak();
  BOOST_TEST((*decode_socket_flow(bytes_of(wire.flow)) == decode_flow_record(bytes_of(wire))->flow));
}

BOOST_AUTO_TEST_CASE(a_holder_has_process_socket_and_kind) {
  vs_holder wire{};
  wire.netns = 4000;
  wire.socket = 99;
  wire.cgroup = 7;
  wire.pid = 815;
  wire.uid = 1000;
  wire.family = AF_INET6;
  wire.protocol = IPPROTO_TCP;
  std::memcpy(wire.comm, "firefox", 7);
  BOOST_TEST((*decode_socket_holder(bytes_of(wire)) == DescriptorHolder{4000, 99, 815, 1000, 7, true, IPPROTO_TCP, "firefox"}));
  wire.family = AF_UNIX;
  BOOST_TEST(!decode_socket_holder(bytes_of(wire)).has_value());
}

BOOST_AUTO_TEST_CASE(every_value_has_a_word) {
  BOOST_TEST(to_string(OwnerBy::held) == "held");
  BOOST_TEST(to_string(PacketWay::stopped) == "stopped");
  BOOST_TEST(to_string(FlowEvent::ended) == "ended");
}

}  // namespace
