#include "netns/sockets/wireguard.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>

#include "netns/sockets/wiped_buffer.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr WallTime now{std::chrono::seconds{1'800'000'000}};

WireGuardDevice device_with(std::vector<std::optional<WallTime>> handshakes) {
  WireGuardDevice device;
  for (const auto& time : handshakes) {
    WireGuardPeer peer;
    peer.last_handshake = time;
    device.peers.push_back(peer);
  }
  return device;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wireguard)

BOOST_AUTO_TEST_CASE(the_age_is_that_of_the_newest_handshake_of_any_peer) {
  BOOST_TEST((handshake_age(device_with({now - 300s, std::nullopt, now - 12s, now - 90s}), now) == 12s));
}

BOOST_AUTO_TEST_CASE(without_any_handshake_there_is_no_age) {
  BOOST_TEST(!handshake_age(device_with({}), now));
  BOOST_TEST(!handshake_age(device_with({std::nullopt, std::nullopt}), now));
}

BOOST_AUTO_TEST_CASE(a_handshake_in_the_future_has_no_known_age_but_a_little_difference_of_clocks_does_not_count) {
  BOOST_TEST((handshake_age(device_with({now + 4s}), now) == 0s));
  BOOST_TEST(!handshake_age(device_with({now + 6s}), now));
  // Another peer's plausible handshake is older than the one that cannot be: no age is known.
  BOOST_TEST(!handshake_age(device_with({now - 10s, now + 1h}), now));
}

BOOST_AUTO_TEST_CASE(a_key_is_written_as_wg_writes_it) {
  std::array<std::byte, wireguard_key_size> key{};
  BOOST_TEST(key_text(key) == "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = std::byte(i * 8 + 3);
  BOOST_TEST(key_text(key) == "AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2+Pr8/s=");
  key.fill(std::byte{0xff});
  BOOST_TEST(key_text(key) == "//////////////////////////////////////////8=");
}

BOOST_AUTO_TEST_CASE(a_buffer_that_held_keys_is_overwritten_as_far_as_it_was_used) {
  WipedBuffer buffer{64};
  std::ranges::fill(buffer.bytes(), std::byte{0x77});
  buffer.note_used(8);
  buffer.note_used(4);  // an earlier, longer use is not forgotten
  buffer.wipe();
  BOOST_TEST(std::ranges::count(buffer.bytes().first(8), std::byte{0}) == 8);
  BOOST_TEST((buffer.bytes()[8] == std::byte{0x77}));
}

BOOST_AUTO_TEST_CASE(no_handshake_at_all_is_told_apart_from_one_whose_age_is_not_known) {
  auto device = device_with({std::nullopt, std::nullopt});
  BOOST_TEST(!never_shook_hands(device));  // no server is known: nothing could have gone out
  device.peers[1].endpoint = Endpoint{IpAddress::parse("203.0.113.1").value(), 51820};
  BOOST_TEST(never_shook_hands(device));
  device.peers[0].last_handshake = now + 1h;
  BOOST_TEST(!handshake_age(device, now));
  BOOST_TEST(!never_shook_hands(device));
}

BOOST_AUTO_TEST_SUITE_END()
