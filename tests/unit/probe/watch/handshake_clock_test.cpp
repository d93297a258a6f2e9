#include "probe/watch/handshake_clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr WallTime wall{std::chrono::seconds{1'800'000'000}};
constexpr BootTime boot{1h};

WireGuardDevice device(std::vector<std::optional<WallTime>> handshakes) {
  WireGuardDevice made;
  for (const auto& time : handshakes) {
    WireGuardPeer peer;
    peer.public_key = std::string(1, static_cast<char>('a' + made.peers.size()));
    peer.last_handshake = time;
    made.peers.push_back(peer);
  }
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handshake_clock)

BOOST_AUTO_TEST_CASE(the_first_reading_is_compared_with_the_wall_clock_and_ages) {
  HandshakeClock clock;
  BOOST_TEST(!clock.age(boot).has_value());
  clock.note(device({wall - 100s, std::nullopt, wall - 20s}), wall, boot);
  BOOST_TEST((clock.age(boot) == 20s));
  BOOST_TEST((clock.age(boot + 170s) == 190s));
  clock.note(device({std::nullopt}), wall, boot);
  BOOST_TEST(!clock.age(boot).has_value());
}

BOOST_AUTO_TEST_CASE(a_jump_of_the_clock_between_two_readings_makes_no_handshake_older_or_younger) {
  for (const auto jump : {-10h, -1h, 1h, 10h}) {
    HandshakeClock clock;
    clock.note(device({wall - 20s}), wall, boot);
    clock.note(device({wall - 20s}), wall + 60s + jump, boot + 60s);
    BOOST_TEST((clock.age(boot + 60s) == 80s));
    BOOST_TEST((clock.age(boot + 200s) == 220s));
  }
}

BOOST_AUTO_TEST_CASE(a_new_handshake_after_a_jump_is_no_older_than_the_last_reading) {
  for (const auto jump : {-10h, 10h}) {
    HandshakeClock clock;
    clock.note(device({wall - 100s}), wall, boot);
    // Made right after the last reading by the old clock, which was set afterwards.
    clock.note(device({wall + 1s}), wall + 60s + jump, boot + 60s);
    BOOST_TEST((clock.age(boot + 60s) <= 60s));
    BOOST_TEST((clock.age(boot + 300s) >= 240s));
  }
}

BOOST_AUTO_TEST_CASE(a_handshake_whose_time_lies_before_that_of_another_peer_counts_when_it_is_new) {
  HandshakeClock clock;
  clock.note(device({wall - 170s, wall - 160s}), wall, boot);
  // The clock was set back by an hour before the first peer called again.
  clock.note(device({wall - 1h + 50s, wall - 160s}), wall - 1h + 60s, boot + 60s);
  BOOST_TEST((clock.age(boot + 60s) == 10s));
}

BOOST_AUTO_TEST_CASE(a_first_reading_in_the_future_is_at_least_as_old_as_the_time_since_then) {
  HandshakeClock clock;
  clock.note(device({wall + 1h}), wall, boot);
  BOOST_TEST((clock.age(boot) == 0s));
  clock.note(device({wall + 1h}), wall + 200s, boot + 200s);
  BOOST_TEST((clock.age(boot + 200s) == 200s));
}

BOOST_AUTO_TEST_CASE(another_tunnel_begins_anew) {
  HandshakeClock clock;
  clock.note(device({wall}), wall, boot);
  clock.forget();
  BOOST_TEST(!clock.age(boot).has_value());
  clock.note(device({wall - 500s}), wall, boot + 1s);
  BOOST_TEST((clock.age(boot + 1s) == 500s));
}

BOOST_AUTO_TEST_SUITE_END()
