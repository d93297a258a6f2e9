#include "probe/watch/handshake_witness.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr WallTime wall{std::chrono::seconds{1'800'000'000}};
constexpr BootTime boot{1h};

TunnelFacts telling(std::optional<WallTime> handshake) {
  TunnelFacts facts;
  WireGuardPeer peer;
  peer.public_key = "a";
  peer.endpoint = Endpoint{IpAddress::v4({192, 0, 2, 1}), 51820};
  peer.last_handshake = handshake;
  facts.wireguard = WireGuardDevice{};
  facts.wireguard->peers = {peer};
  return facts;
}

TunnelFacts silent(bool is_mute) {
  TunnelFacts facts;
  facts.wireguard_is_mute = is_mute;
  facts.gaps = {Error{Error::Kind::timed_out, "the program does not answer"}};
  return facts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handshake_witness)

BOOST_AUTO_TEST_CASE(while_the_program_tells_there_is_an_age_and_nothing_untold) {
  HandshakeWitness witness;
  witness.take(telling(wall - 20s), wall, boot);
  BOOST_TEST((witness.age(boot + 15s) == 35s));
  BOOST_TEST(!witness.untold(boot + 15s).has_value());
}

BOOST_AUTO_TEST_CASE(a_program_that_has_told_and_does_not_any_more_leaves_a_handshake_that_grows_old) {
  HandshakeWitness witness;
  witness.take(telling(wall - 20s), wall, boot);
  for (const bool is_mute : {true, false}) {  // false: the program is gone, or may not be asked any more
    witness.take(silent(is_mute), wall + 20s, boot + 20s);
    BOOST_TEST(!witness.age(boot + 20s).has_value());
    BOOST_TEST((witness.untold(boot + 200s) == 220s));
  }
  witness.take(telling(wall + 190s), wall + 200s, boot + 200s);
  BOOST_TEST((witness.age(boot + 200s) == 10s));
  BOOST_TEST(!witness.untold(boot + 200s).has_value());
}

BOOST_AUTO_TEST_CASE(a_program_that_is_mute_from_the_beginning_is_counted_from_the_first_question) {
  HandshakeWitness witness;
  witness.take(silent(true), wall, boot);
  witness.take(silent(true), wall + 5s, boot + 5s);
  BOOST_TEST((witness.untold(boot + 181s) == 181s));
}

BOOST_AUTO_TEST_CASE(who_never_was_to_tell_handshakes_raises_no_alarm) {
  HandshakeWitness witness;
  witness.take(silent(false), wall, boot);  // the kernel's WireGuard without CAP_NET_ADMIN
  BOOST_TEST(!witness.untold(boot + 10h).has_value());
  witness.take(TunnelFacts{}, wall, boot);  // OpenVPN
  BOOST_TEST(!witness.untold(boot + 10h).has_value());
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_another_kind_of_program_took_over_has_nothing_to_tell) {
  HandshakeWitness witness;
  witness.take(telling(wall - 20s), wall, boot);
  witness.take(TunnelFacts{}, wall + 60s, boot + 60s);
  BOOST_TEST(!witness.untold(boot + 10h).has_value());
}

BOOST_AUTO_TEST_CASE(without_any_handshake_it_stays_so_until_one_is_told) {
  HandshakeWitness witness;
  witness.take(telling(std::nullopt), wall, boot);
  BOOST_TEST(witness.never_shook_hands());
  witness.take(silent(true), wall + 60s, boot + 60s);
  BOOST_TEST(witness.never_shook_hands());
  witness.take(telling(wall + 70s), wall + 80s, boot + 80s);
  BOOST_TEST(!witness.never_shook_hands());
}

BOOST_AUTO_TEST_SUITE_END()
