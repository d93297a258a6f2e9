#include "netns/sockets/wireguard_netlink.hpp"

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netns/sockets/generic_netlink.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

// Layout: nlmsghdr, genlmsghdr (linux/genetlink.h), then the attributes of the comment at the top of linux/wireguard.h. Lists are nested
// attributes whose elements have the type 0 and the flag NLA_F_NESTED.

Payload device_message() { return Payload{genlmsghdr{WG_CMD_GET_DEVICE, WG_GENL_VERSION, 0}}; }

Bytes key(unsigned fill) { return Bytes(WG_KEY_LEN, static_cast<std::byte>(fill)); }
const std::string key_1 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const std::string key_2 = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

Bytes v4_endpoint(const char* address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, address, &in.sin_addr);
  return value_of(in);
}

Bytes v6_endpoint(const char* address, std::uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &in.sin6_addr);
  return value_of(in);
}

struct KernelTimespec {  // struct __kernel_timespec
  std::int64_t seconds;
  std::int64_t nanoseconds;
};

Bytes allowed_ip(const char* address, std::uint8_t length) {
  const auto parsed = IpAddress::parse(address).value();
  Bytes bytes;
  for (const auto byte : parsed.bytes()) bytes.push_back(std::byte{byte});
  const auto family = static_cast<std::uint16_t>(address_family(parsed.family()));
  return Payload{}
      .add(WGALLOWEDIP_A_FAMILY, value_of(family))
      .add(WGALLOWEDIP_A_IPADDR, bytes)
      .add(WGALLOWEDIP_A_CIDR_MASK, value_of(length))
      .bytes();
}

Bytes list_of(std::initializer_list<Bytes> elements) {
  Payload list;
  for (const auto& element : elements) list.add(NLA_F_NESTED, element);
  return list.bytes();
}

Bytes peer_with_everything() {
  return Payload{}
      .add(WGPEER_A_PUBLIC_KEY, key(1))
      .add(WGPEER_A_PRESHARED_KEY, key(0x77))
      .add(WGPEER_A_LAST_HANDSHAKE_TIME, value_of(KernelTimespec{1'800'000'000, 123'456'789}))
      .add(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, value_of(std::uint16_t{25}))
      .add(WGPEER_A_TX_BYTES, value_of(std::uint64_t{5'000'000'000}))
      .add(WGPEER_A_RX_BYTES, value_of(std::uint64_t{42}))
      .add(WGPEER_A_PROTOCOL_VERSION, std::uint32_t{1})
      .add(WGPEER_A_ENDPOINT, v4_endpoint("198.51.100.2", 51820))
      .add(WGPEER_A_ALLOWEDIPS | NLA_F_NESTED, list_of({allowed_ip("0.0.0.0", 0), allowed_ip("::", 0)}))
      .bytes();
}

Bytes bare_peer(unsigned fill) { return Payload{}.add(WGPEER_A_PUBLIC_KEY, key(fill)).bytes(); }

WireGuardDevice decoded(const Payload& message) {
  WireGuardDump dump;
  BOOST_TEST_REQUIRE(dump.take(message).has_value());
  return dump.device();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wireguard_netlink)

BOOST_AUTO_TEST_CASE(a_device_with_one_peer_is_read_whole) {
  const auto device = decoded(device_message()
                                  .add(WGDEVICE_A_LISTEN_PORT, value_of(std::uint16_t{51821}))
                                  .add(WGDEVICE_A_FWMARK, std::uint32_t{51820})
                                  .add(WGDEVICE_A_IFINDEX, std::uint32_t{7})
                                  .add(WGDEVICE_A_IFNAME, std::string_view("wg0"))
                                  .add(WGDEVICE_A_PRIVATE_KEY, key(0x66))
                                  .add(WGDEVICE_A_PUBLIC_KEY, key(2))
                                  .add(WGDEVICE_A_PEERS | NLA_F_NESTED, list_of({peer_with_everything()})));
  const WireGuardPeer peer{key_1,
                           Endpoint::parse("198.51.100.2:51820", 0).value(),
                           WallTime{std::chrono::microseconds{1'800'000'000'123'456}},
                           42,
                           5'000'000'000,
                           {IpPrefix::parse("0.0.0.0/0").value(), IpPrefix::parse("::/0").value()},
                           25};
  BOOST_TEST((device == WireGuardDevice{"wg0", key_2, 51820, 51821, {peer}}));
}

BOOST_AUTO_TEST_CASE(an_ipv6_endpoint_is_read) {
  const auto peer = Payload{}.add(WGPEER_A_PUBLIC_KEY, key(1)).add(WGPEER_A_ENDPOINT, v6_endpoint("2001:db8::2", 1194)).bytes();
  const auto device = decoded(device_message().add(WGDEVICE_A_PEERS, list_of({peer})));
  BOOST_TEST_REQUIRE(device.peers.front().endpoint.has_value());
  BOOST_TEST(device.peers.front().endpoint->to_string() == "[2001:db8::2]:1194");
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_had_a_handshake_or_an_endpoint_has_none) {
  const auto peer = Payload{}.add(WGPEER_A_PUBLIC_KEY, key(1)).add(WGPEER_A_LAST_HANDSHAKE_TIME, value_of(KernelTimespec{0, 0})).bytes();
  const auto device = decoded(device_message().add(WGDEVICE_A_PEERS, list_of({peer})));
  BOOST_TEST(!device.peers.front().last_handshake.has_value());
  BOOST_TEST(!device.peers.front().endpoint.has_value());
}

BOOST_AUTO_TEST_CASE(a_peer_goes_on_in_the_next_message_with_more_allowed_addresses_only) {
  WireGuardDump dump;
  const auto rest =
      Payload{}.add(WGPEER_A_PUBLIC_KEY, key(1)).add(WGPEER_A_ALLOWEDIPS | NLA_F_NESTED, list_of({allowed_ip("203.0.113.0", 24)})).bytes();
  const Payload first = device_message()
                            .add(WGDEVICE_A_IFNAME, std::string_view("wg0"))
                            .add(WGDEVICE_A_LISTEN_PORT, value_of(std::uint16_t{9}))
                            .add(WGDEVICE_A_PEERS, list_of({bare_peer(2), peer_with_everything()}));
  const Payload second =
      device_message().add(WGDEVICE_A_IFNAME, std::string_view("wg0")).add(WGDEVICE_A_PEERS, list_of({rest, bare_peer(3)}));
  BOOST_TEST_REQUIRE(dump.take(first).has_value());
  BOOST_TEST_REQUIRE(dump.take(second).has_value());
  const auto& peers = dump.device().peers;
  BOOST_TEST_REQUIRE(peers.size() == 3U);
  BOOST_TEST(dump.device().listen_port == 9);
  BOOST_TEST(peers[0].public_key == key_2);
  BOOST_TEST(peers[1].public_key == key_1);
  BOOST_TEST(peers[1].allowed_ips.size() == 3U);
  BOOST_TEST(peers[1].allowed_ips.back().to_string() == "203.0.113.0/24");
  BOOST_TEST(peers[1].persistent_keepalive == 25);  // the continuation does not reset what the first part told
}

BOOST_AUTO_TEST_CASE(attributes_of_a_wrong_size_count_as_absent_and_unknown_ones_are_skipped) {
  const auto peer = Payload{}
                        .add(WGPEER_A_PUBLIC_KEY, key(1))
                        .add(WGPEER_A_ENDPOINT, bytes_of({2, 0, 1}))
                        .add(WGPEER_A_LAST_HANDSHAKE_TIME, bytes_of({1, 2, 3, 4}))
                        .add(WGPEER_A_RX_BYTES, std::uint32_t{7})
                        .add(200, bytes_of({1}))
                        .bytes();
  const auto device = decoded(device_message().add(WGDEVICE_A_PUBLIC_KEY, bytes_of({1, 2})).add(WGDEVICE_A_PEERS, list_of({peer})));
  BOOST_TEST(device.public_key.empty());
  WireGuardPeer expected;
  expected.public_key = key_1;
  BOOST_TEST((device.peers.front() == expected));
}

BOOST_AUTO_TEST_CASE(a_half_ipv6_endpoint_and_an_address_of_another_family_are_not_taken) {
  auto half = v6_endpoint("2001:db8::2", 1);
  half.resize(sizeof(sockaddr_in));
  auto mixed = Payload{}
                   .add(WGALLOWEDIP_A_FAMILY, value_of(std::uint16_t{AF_INET6}))
                   .add(WGALLOWEDIP_A_IPADDR, bytes_of({192, 0, 2, 1}))
                   .add(WGALLOWEDIP_A_CIDR_MASK, bytes_of({32}))
                   .bytes();
  const auto peer =
      Payload{}.add(WGPEER_A_PUBLIC_KEY, key(1)).add(WGPEER_A_ENDPOINT, half).add(WGPEER_A_ALLOWEDIPS, list_of({mixed})).bytes();
  const auto device = decoded(device_message().add(WGDEVICE_A_PEERS, list_of({peer})));
  BOOST_TEST(!device.peers.front().endpoint.has_value());
  BOOST_TEST(device.peers.front().allowed_ips.empty());
}

BOOST_AUTO_TEST_CASE(a_peer_without_a_key_and_a_message_of_another_kind_are_refused) {
  WireGuardDump dump;
  BOOST_TEST((dump.take(device_message().add(WGDEVICE_A_PEERS, list_of({Payload{}.bytes()}))).error().kind == Error::Kind::invalid));
  BOOST_TEST((dump.take(Payload{genlmsghdr{WG_CMD_SET_DEVICE, 1, 0}}).error().kind == Error::Kind::invalid));
  BOOST_TEST((dump.take(std::span<const std::byte>{}).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_cut_message_at_any_length_is_read_without_harm) {
  const Payload message = device_message()
                              .add(WGDEVICE_A_IFNAME, std::string_view("wg0"))
                              .add(WGDEVICE_A_PEERS, list_of({peer_with_everything(), peer_with_everything()}));
  for (std::size_t length = 0; length < message.bytes().size(); ++length) {
    const Bytes cut(message.bytes().begin(), message.bytes().begin() + static_cast<std::ptrdiff_t>(length));
    WireGuardDump dump;
    (void)dump.take(cut);
    BOOST_TEST(dump.device().peers.size() <= 2U);
  }
}

BOOST_AUTO_TEST_CASE(more_peers_than_a_vpn_has_are_an_overrun_and_no_memory_hog) {
  WireGuardDump dump;
  Result<void> taken;
  for (unsigned i = 0; i <= most_wireguard_peers / 100 && taken; ++i) {
    Payload peers;
    for (unsigned j = 0; j < 100; ++j) {
      auto number = key(0);
      std::memcpy(number.data(), &i, sizeof i);
      std::memcpy(number.data() + sizeof i, &j, sizeof j);
      peers.add(0, Payload{}.add(WGPEER_A_PUBLIC_KEY, number).bytes());
    }
    taken = dump.take(device_message().add(WGDEVICE_A_PEERS, peers.bytes()));
  }
  BOOST_TEST_REQUIRE(!taken.has_value());
  BOOST_TEST((taken.error().kind == Error::Kind::overrun));
}

BOOST_AUTO_TEST_CASE(the_number_of_a_family_is_read_from_the_controllers_answer) {
  const Payload answer = Payload{genlmsghdr{CTRL_CMD_NEWFAMILY, 2, 0}}
                             .add(CTRL_ATTR_FAMILY_NAME, std::string_view("wireguard"))
                             .add(CTRL_ATTR_FAMILY_ID, value_of(std::uint16_t{31}));
  BOOST_TEST(decode_family(answer).value() == 31);
  BOOST_TEST(!decode_family(Payload{genlmsghdr{CTRL_CMD_NEWFAMILY, 2, 0}}).has_value());
  BOOST_TEST(!decode_family(Payload{genlmsghdr{CTRL_CMD_DELFAMILY, 2, 0}}).has_value());
  BOOST_TEST(!decode_family({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_request_is_a_header_a_command_and_a_padded_name) {
  const auto request = generic_request(31, WG_CMD_GET_DEVICE, WG_GENL_VERSION, NLM_F_DUMP, 5, WGDEVICE_A_IFNAME, "wg0");
  const Payload body = Payload{genlmsghdr{WG_CMD_GET_DEVICE, WG_GENL_VERSION, 0}}.add(WGDEVICE_A_IFNAME, std::string_view("wg0"));
  const auto expected = message_of(31, body, NLM_F_REQUEST | NLM_F_DUMP, 5);
  BOOST_TEST((request == expected));
}

BOOST_AUTO_TEST_SUITE_END()
