#include "probe/watch/leak_doubt.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/make_ip.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;
using Telling = LeakTally::Telling;

BOOST_TEST_DONT_PRINT_LOG_VALUE(LeakTally::Telling)

namespace {

/// A meter, a program that is asked, and a clock.
struct Doubted {
  LeakCounters counters;
  LeakTally tally;
  LeakDoubt doubt;
  VpnProgram program;
  std::optional<MonoTime> servers_awaited;
  MonoTime clock{1h};
  int asked = 0;

  void send(std::optional<std::uint32_t> user, std::uint8_t protocol = IPPROTO_UDP, std::uint16_t port = 51820) {
    auto& part = port == 53 ? counters.dns : counters.v4;
    ++part.packets;
    part.bytes += 100;
    counters.destinations.push_back({ip("203.0.113.7"), protocol, port, user, {1, 100}});
    BOOST_TEST_REQUIRE(tally.is_news(counters));
    (void)tally.take(counters, WallTime{std::chrono::floor<std::chrono::microseconds>(clock.time_since_epoch())}, clock);
  }
  void look(bool all_noted = true) {
    doubt.follow(tally, all_noted, program, servers_awaited, clock, [this] {
      ++asked;
      return program.awaited = true;
    });
  }
  /// What is told after the next look.
  Telling told() {
    look();
    return doubt.telling(clock);
  }
};

/// A program that was just asked for the first time, and has not told what it is.
struct Unknown : Doubted {
  Unknown() {
    program.awaited = true;
    servers_awaited = clock;
  }
};

/// A program that has told that it is WireGuard, and its servers.
struct WireGuardProgram : Doubted {
  WireGuardProgram() {
    program.is_wireguard = true;
    program.user = 0;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(doubt_about_leaks)

BOOST_FIXTURE_TEST_CASE(without_a_vpn_that_may_be_the_sender_a_leak_is_one_at_once, Doubted) {
  send(1000);
  BOOST_TEST(told() == Telling::as_leak);
  BOOST_TEST(asked == 1);
}

BOOST_FIXTURE_TEST_CASE(while_the_first_answer_is_awaited_packets_of_one_user_are_no_leak_and_soon_told_as_unjudged, Unknown) {
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  clock += 1s;
  BOOST_TEST(told() == Telling::as_unjudged);
  clock += 8s;
  BOOST_TEST(told() == Telling::as_unjudged);
  BOOST_TEST(asked == 1);
}

BOOST_FIXTURE_TEST_CASE(the_silence_counts_from_the_question_and_not_from_the_first_packet, Unknown) {
  clock += 2s;
  send(0, IPPROTO_TCP, 443);
  BOOST_TEST(told() == Telling::as_unjudged);
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_explains_nothing_makes_it_a_leak_that_no_later_question_hides, Unknown) {
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  program.awaited = false;
  servers_awaited.reset();
  BOOST_TEST(told() == Telling::as_leak);
  program.awaited = true;
  servers_awaited = clock;
  BOOST_TEST(told() == Telling::as_leak);
  BOOST_TEST(asked == 1);
}

BOOST_FIXTURE_TEST_CASE(a_program_that_does_not_answer_hides_no_leak, Unknown) {
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  clock += LeakDoubt::longest;
  BOOST_TEST(told() == Telling::as_leak);
  clock += 1s;
  BOOST_TEST(told() == Telling::as_leak);
}

BOOST_FIXTURE_TEST_CASE(where_packets_are_dropped_by_it_a_leak_is_told_after_a_second_at_the_latest, Unknown) {
  doubt = LeakDoubt(true);
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  clock += LeakDoubt::longest_silence;
  BOOST_TEST(told() == Telling::as_leak);
}

BOOST_FIXTURE_TEST_CASE(what_no_vpn_sends_is_a_leak_at_once, Unknown) {
  BOOST_TEST_CONTEXT("DNS") {
    Unknown one;
    one.send(0, IPPROTO_UDP, 53);
    BOOST_TEST(one.told() == Telling::as_leak);
  }
  BOOST_TEST_CONTEXT("ICMP") {
    Unknown one;
    one.send(0, IPPROTO_ICMP, 0);
    BOOST_TEST(one.told() == Telling::as_leak);
  }
  BOOST_TEST_CONTEXT("of nobody, while the VPN is a program") {
    Unknown one;
    one.send(std::nullopt);
    BOOST_TEST(one.told() == Telling::as_leak);
  }
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  send(1000);
  BOOST_TEST(told() == Telling::as_leak);
}

BOOST_FIXTURE_TEST_CASE(where_nobody_can_be_asked_a_leak_is_one_at_once, Unknown) {
  send(0);
  doubt.follow(tally, true, program, servers_awaited, clock, [] { return false; });
  BOOST_TEST(doubt.telling(clock) == Telling::as_leak);
}

BOOST_FIXTURE_TEST_CASE(a_wireguard_program_may_have_moved_to_a_server_that_it_has_not_told, WireGuardProgram) {
  send(0);
  BOOST_TEST(told() == Telling::held_back);
  BOOST_TEST(asked == 1);
  clock += 2s;
  BOOST_TEST(told() == Telling::as_unjudged);
  (void)tally.forgive({ip("203.0.113.7")}, {});
  program.awaited = false;
  BOOST_TEST(told() == Telling::as_leak);
  BOOST_TEST(!tally.is_leaking());
  send(0, IPPROTO_UDP, 51821);
  BOOST_TEST(told() == Telling::held_back);
  BOOST_TEST(asked == 2);
}

BOOST_FIXTURE_TEST_CASE(wireguard_sends_neither_tcp_nor_as_another_user, WireGuardProgram) {
  WireGuardProgram other;
  other.send(1000);
  BOOST_TEST(other.told() == Telling::as_leak);
  send(0, IPPROTO_TCP, 443);
  BOOST_TEST(told() == Telling::as_leak);
}

BOOST_FIXTURE_TEST_CASE(the_kernels_wireguard_sends_udp_of_nobody_whether_or_not_its_servers_are_known, Unknown) {
  program.is_wireguard = true;
  Unknown other;
  other.program.is_wireguard = true;
  other.send(0);
  BOOST_TEST(other.told() == Telling::as_leak);
  send(std::nullopt);
  BOOST_TEST(told() == Telling::held_back);
}

BOOST_AUTO_TEST_SUITE_END()
