#include "netns/sockets/wireguard_uapi.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

const std::string secret(64, '7');
const std::string hex_1 = "0101010101010101010101010101010101010101010101010101010101010101";
const std::string key_1 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// As wireguard-go 0.0.20220316 writes it.
const std::string answer = "private_key=" + secret + "\nlisten_port=51821\nfwmark=51820\npublic_key=" + hex_1 +
                           "\npreshared_key=" + secret +
                           "\nprotocol_version=1\nendpoint=198.51.100.2:51820\nlast_handshake_time_sec=1800000000\n"
                           "last_handshake_time_nsec=123456789\ntx_bytes=5000000000\nrx_bytes=42\npersistent_keepalive_interval=25\n"
                           "allowed_ip=0.0.0.0/0\nallowed_ip=::/0\nerrno=0\n\n";

Error::Kind refusal(const std::string& text) {
  const auto parsed = parse_uapi(text, "wg0");
  BOOST_REQUIRE_MESSAGE(!parsed, text);
  BOOST_TEST(parsed.error().message.find("7777") == std::string::npos, "a secret is in: " << parsed.error().message);
  return parsed.error().kind;
}

std::string peer_with(const std::string& line) { return "public_key=" + hex_1 + "\n" + line + "\nerrno=0\n\n"; }

}  // namespace

BOOST_AUTO_TEST_SUITE(wireguard_uapi)

BOOST_AUTO_TEST_CASE(the_answer_of_wireguard_go_is_read_whole) {
  const WireGuardPeer peer{key_1,
                           Endpoint::parse("198.51.100.2:51820", 0).value(),
                           WallTime{std::chrono::microseconds{1'800'000'000'123'456}},
                           42,
                           5'000'000'000,
                           {IpPrefix::parse("0.0.0.0/0").value(), IpPrefix::parse("::/0").value()},
                           25};
  BOOST_TEST((parse_uapi(answer, "wg0").value() == WireGuardDevice{"wg0", "", 51820, 51821, {peer}}));
}

BOOST_AUTO_TEST_CASE(a_device_without_peers_is_an_answer) {
  BOOST_TEST((parse_uapi("listen_port=1\nerrno=0\n\n", "tun0").value() == WireGuardDevice{"tun0", "", 0, 1, {}}));
}

BOOST_AUTO_TEST_CASE(handshakes_belong_to_their_peers_and_zero_is_none) {
  const auto device =
      parse_uapi("public_key=" + hex_1 + "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\npublic_key=" + std::string(64, 'f') +
                     "\nlast_handshake_time_sec=5\nlast_handshake_time_nsec=0\nerrno=0\n\n",
                 "wg0")
          .value();
  BOOST_TEST_REQUIRE(device.peers.size() == 2U);
  BOOST_TEST(!device.peers[0].last_handshake.has_value());
  BOOST_TEST((device.peers[1].last_handshake == WallTime{std::chrono::seconds{5}}));
}

BOOST_AUTO_TEST_CASE(ipv6_endpoints_are_read_with_and_without_a_zone) {
  BOOST_TEST(parse_uapi(peer_with("endpoint=[2001:db8::1]:51820"), "w")->peers[0].endpoint->to_string() == "[2001:db8::1]:51820");
  BOOST_TEST(parse_uapi(peer_with("endpoint=[fe80::1%eth0]:51820"), "w")->peers[0].endpoint->to_string() == "[fe80::1]:51820");
}

BOOST_AUTO_TEST_CASE(unknown_keys_are_skipped) {
  BOOST_TEST(parse_uapi("jc=4\n" + peer_with("advanced_security=on"), "wg0")->peers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_refused_and_no_message_holds_a_secret) {
  for (const auto* line : {"endpoint=example:1", "endpoint=", "rx_bytes=-1", "tx_bytes=1x", "persistent_keepalive_interval=65536",
                           "last_handshake_time_sec=-1", "last_handshake_time_sec=99999999999999", "last_handshake_time_nsec=1000000000",
                           "allowed_ip=192.0.2.0/33", "public_key=77", "no equals sign 7777", "errno=seven"}) {
    BOOST_TEST((refusal(peer_with(line)) == Error::Kind::invalid), line);
  }
  BOOST_TEST((refusal("private_key" + secret + "\n") == Error::Kind::invalid));
  BOOST_TEST((refusal("listen_port=" + secret + "\n") == Error::Kind::invalid));
  BOOST_TEST((refusal("") == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(an_answer_that_was_cut_anywhere_is_refused) {
  for (std::size_t length = 0; length < answer.find("errno=0") + 7; ++length) {
    BOOST_TEST(!parse_uapi(answer.substr(0, length), "wg0").has_value(), "length " << length);
  }
}

BOOST_AUTO_TEST_CASE(the_daemons_own_error_is_told) {
  BOOST_TEST((refusal("errno=1\n\n") == Error::Kind::not_permitted));
  BOOST_TEST((refusal("errno=-1\n\n") == Error::Kind::not_permitted));
  BOOST_TEST((refusal("errno=-2147483648\n\n") == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(more_peers_or_addresses_than_a_vpn_has_are_an_overrun) {
  std::string peers;
  for (std::size_t i = 0; i <= most_wireguard_peers; ++i) peers += "public_key=" + hex_1 + "\n";
  BOOST_TEST((refusal(peers + "errno=0\n\n") == Error::Kind::overrun));
  std::string addresses = "public_key=" + hex_1 + "\n";
  for (std::size_t i = 0; i <= most_allowed_ips; ++i) addresses += "allowed_ip=192.0.2.1/32\n";
  BOOST_TEST((refusal(addresses + "errno=0\n\n") == Error::Kind::overrun));
}

BOOST_AUTO_TEST_SUITE_END()
