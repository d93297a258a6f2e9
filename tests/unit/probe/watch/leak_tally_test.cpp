#include "probe/watch/leak_tally.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/make_ip.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

/// A meter whose packets have 100 bytes, and a clock.
struct Counted {
  LeakCounters counters;
  LeakTally tally;
  std::optional<std::uint32_t> uid = 1000;
  MonoTime clock{1h};
  WallTime now{std::chrono::hours{500000}};

  static void add(Traffic& traffic) {
    ++traffic.packets;
    traffic.bytes += 100;
  }
  void send(Traffic LeakCounters::*part, std::string_view to, std::uint16_t port = 443) {
    add(counters.*part);
    for (auto& known : counters.destinations) {
      if (known.address == ip(to) && known.port == port && known.uid == uid) return add(known.traffic);
    }
    counters.destinations.push_back({ip(to), IPPROTO_UDP, port, uid, {1, 100}});
  }
  bool take() { return tally.is_news(counters) && tally.take(counters, now, clock); }
  void wait(std::chrono::seconds time) {
    clock += time;
    now += time;
  }
  [[nodiscard]] PacketsView view() const {
    PacketsView made;
    tally.fill(made);
    return made;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tally_of_leaks)

BOOST_FIXTURE_TEST_CASE(nothing_counted_is_no_leak, Counted) {
  BOOST_TEST(!take());
  add(counters.local);
  BOOST_TEST(!take());
  BOOST_TEST(!tally.is_leaking());
  BOOST_TEST(!view().leak.has_value());
  BOOST_TEST(view().local.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(the_first_packet_is_news_and_the_next_of_its_kind_is_none, Counted) {
  const auto began = now;
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  wait(1s);
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(!take());
  send(&LeakCounters::v6, "2001:db8::7");
  BOOST_TEST(take());
  const auto seen = view();
  BOOST_TEST_REQUIRE(seen.leak.has_value());
  BOOST_TEST(seen.leak->v4.packets == 2U);
  BOOST_TEST(seen.leak->v6.bytes == 100U);
  BOOST_TEST((seen.leak_since == began));
  BOOST_TEST_REQUIRE(seen.leak->destinations.size() == 2U);
  BOOST_TEST(seen.leak->destinations[0].traffic.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_leak_is_over_after_half_a_minute_and_the_next_one_counts_from_its_own_beginning, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  wait(29s);
  BOOST_TEST(!tally.pass(clock));
  wait(1s);
  BOOST_TEST(tally.pass(clock));
  BOOST_TEST(!tally.pass(clock));
  BOOST_TEST(!view().leak.has_value());
  BOOST_TEST(view().total.v4.packets == 1U);
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  BOOST_TEST(view().leak->v4.packets == 1U);
  BOOST_TEST(view().leak->destinations.at(0).traffic.packets == 1U);
  BOOST_TEST(view().total.v4.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_leak_that_the_routes_explain_is_over_soon_unless_something_left_without_them, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(tally.take(counters, now, clock, true));
  wait(1s);
  BOOST_TEST(!tally.pass(clock));
  wait(1s);
  BOOST_TEST(tally.pass(clock));
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(tally.take(counters, now, clock, true));
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(!tally.take(counters, now, clock, false));
  wait(29s);
  BOOST_TEST(!tally.pass(clock));
  wait(1s);
  BOOST_TEST(tally.pass(clock));
}

BOOST_FIXTURE_TEST_CASE(routes_that_are_seen_a_moment_after_the_packet_explain_it, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  tally.explain(clock + 500ms);
  wait(2s);
  BOOST_TEST(tally.pass(clock));
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  wait(1s);
  tally.explain(clock);
  wait(2s);
  BOOST_TEST(!tally.pass(clock));
}

BOOST_FIXTURE_TEST_CASE(dns_that_goes_on_does_not_keep_other_packets_alive, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  send(&LeakCounters::dns, "203.0.113.53", 53);
  BOOST_TEST(take());
  for (int i = 0; i < 6; ++i) {
    wait(5s);
    send(&LeakCounters::dns, "203.0.113.53", 53);
    BOOST_TEST(!take());
  }
  BOOST_TEST(tally.pass(clock));
  const auto seen = view();
  BOOST_TEST_REQUIRE(seen.leak.has_value());
  BOOST_TEST(seen.leak->dns.packets == 7U);
  BOOST_TEST(seen.leak->v4.packets == 0U);
  BOOST_TEST_REQUIRE(seen.leak->destinations.size() == 1U);
  BOOST_TEST(seen.leak->destinations[0].port == 53);
}

BOOST_FIXTURE_TEST_CASE(a_meter_made_anew_adds_to_what_was_counted, Counted) {
  for (int i = 0; i < 5; ++i) send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  counters = {};
  BOOST_TEST(!take());
  BOOST_TEST(view().total.v4.packets == 5U);
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(!take());
  BOOST_TEST(view().total.v4.packets == 6U);
  BOOST_TEST(view().leak->v4.packets == 6U);
  BOOST_TEST_REQUIRE(view().leak->destinations.size() == 1U);
  BOOST_TEST(view().leak->destinations[0].traffic.packets == 6U);
}

BOOST_FIXTURE_TEST_CASE(a_meter_made_anew_forgets_no_destination, Counted) {
  for (int i = 0; i < 3; ++i) send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  counters = {};
  send(&LeakCounters::v4, "203.0.113.8");
  send(&LeakCounters::v4, "203.0.113.8");
  BOOST_TEST(take());
  BOOST_TEST_REQUIRE(view().leak->destinations.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_meter_made_anew_that_counts_as_much_again_is_told, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  wait(30s);
  BOOST_TEST(tally.pass(clock));
  tally.begin_anew();
  counters = {};
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  BOOST_TEST(tally.is_leaking());
  BOOST_TEST(view().leak->v4.packets == 1U);
  BOOST_TEST(view().total.v4.packets == 2U);
  BOOST_TEST(view().total.destinations.at(0).traffic.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(packets_to_what_turns_out_to_be_the_vpns_server_are_no_leak, Counted) {
  send(&LeakCounters::v4, "198.51.100.2", 51820);
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({}, {}));
  BOOST_TEST(!tally.forgive({ip("198.51.100.3")}, {}));
  BOOST_TEST(tally.forgive({ip("198.51.100.2")}, {}));
  BOOST_TEST(!tally.is_leaking());
  BOOST_TEST(view().total.packets() == 0U);
  BOOST_TEST(view().total.destinations.empty());
  send(&LeakCounters::v4, "198.51.100.2", 51820);
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({ip("198.51.100.2")}, {}));
}

BOOST_FIXTURE_TEST_CASE(what_was_misuse_of_a_known_server_is_not_forgiven, Counted) {
  send(&LeakCounters::endpoint_misuse, "198.51.100.2");
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({ip("198.51.100.2")}, {}));
}

BOOST_FIXTURE_TEST_CASE(the_tunnels_own_packets_to_another_port_of_its_server_are_forgiven_once_the_port_is_known, Counted) {
  const TunnelEndpoint moved{ip("198.51.100.2"), IPPROTO_UDP, 51821, 0};
  uid.reset();
  send(&LeakCounters::endpoint_misuse, "198.51.100.2", 51821);
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({moved.address}, {}));
  BOOST_TEST(!tally.forgive({moved.address}, {{moved.address, IPPROTO_UDP, 51820, 0}}));
  BOOST_TEST(!tally.forgive({moved.address}, {{moved.address, 0, 0, 0}}));
  BOOST_TEST(tally.forgive({moved.address}, {moved}));
  BOOST_TEST(view().total.packets() == 0U);
  send(&LeakCounters::endpoint_misuse, "198.51.100.2", 51821);
  uid = 1000;
  send(&LeakCounters::endpoint_misuse, "198.51.100.2", 51821);
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({moved.address}, {moved}));
  BOOST_TEST(view().total.endpoint_misuse.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_wireguard_program_is_forgiven_the_new_port_of_its_server_as_its_own_user, Counted) {
  const TunnelEndpoint moved{ip("198.51.100.2"), IPPROTO_UDP, 51821, 0};
  uid = 0;
  send(&LeakCounters::endpoint_misuse, "198.51.100.2", 51821);
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({moved.address}, {moved}));
  BOOST_TEST(!tally.forgive({moved.address}, {moved}, 1000));
  BOOST_TEST(tally.forgive({moved.address}, {moved}, 0));
}

BOOST_FIXTURE_TEST_CASE(udp_of_nobody_may_be_wireguards_own_and_nothing_else_may, Counted) {
  BOOST_TEST(!tally.may_be_wireguards(true, {}));
  uid.reset();
  add(counters.v4);
  BOOST_TEST(take());
  BOOST_TEST(tally.may_be_wireguards(false, {}));  // where it went is not noted yet
  BOOST_TEST(!tally.may_be_wireguards(true, {}));
  counters.destinations.push_back({ip("203.0.113.7"), IPPROTO_UDP, 51820, std::nullopt, {1, 100}});
  BOOST_TEST(tally.take(counters, now, clock));
  BOOST_TEST(tally.may_be_wireguards(true, {}));
  BOOST_TEST(!tally.may_be_wireguards(true, 0));
  PacketsView held;
  tally.fill(held, LeakTally::Telling::held_back);
  BOOST_TEST(!held.leak.has_value());
  BOOST_TEST(!held.leak_since.has_value());
  BOOST_TEST(held.total.packets() == 0U);
  BOOST_TEST(held.total.destinations.empty());
  uid = 1000;
  send(&LeakCounters::v4, "203.0.113.8");
  BOOST_TEST(take());
  BOOST_TEST(!tally.may_be_wireguards(true, {}));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_judged_is_shown_beside_the_total, Counted) {
  send(&LeakCounters::v4, "203.0.113.7");
  BOOST_TEST(take());
  BOOST_TEST(tally.may_be_one_programs(true));
  PacketsView unjudged;
  tally.fill(unjudged, LeakTally::Telling::as_unjudged);
  BOOST_TEST(!unjudged.leak.has_value());
  BOOST_TEST_REQUIRE(unjudged.unjudged.has_value());
  BOOST_TEST(unjudged.unjudged->v4.packets == 1U);
  BOOST_TEST((unjudged.unjudged_since == now));
  BOOST_TEST(unjudged.total.packets() == 0U);
  BOOST_TEST(view().total.packets() == 1U);
  BOOST_TEST(!view().unjudged.has_value());
}

BOOST_FIXTURE_TEST_CASE(packets_without_a_noted_destination_are_not_forgiven, Counted) {
  send(&LeakCounters::v4, "198.51.100.2");
  add(counters.v4);
  add(counters.unlisted);
  BOOST_TEST(take());
  BOOST_TEST(!tally.forgive({ip("198.51.100.2")}, {}));
}

BOOST_FIXTURE_TEST_CASE(a_small_leak_is_named_beside_large_ones_of_earlier_days, Counted) {
  for (std::uint16_t port = 1; port <= 30; ++port) {
    for (int i = 0; i < 5; ++i) send(&LeakCounters::v4, "203.0.113.7", port);
  }
  BOOST_TEST(take());
  wait(30s);
  BOOST_TEST(tally.pass(clock));
  send(&LeakCounters::v4, "203.0.113.9", 99);
  BOOST_TEST(take());
  const auto seen = view();
  BOOST_TEST_REQUIRE(seen.leak->destinations.size() == 1U);
  BOOST_TEST_REQUIRE(seen.total.destinations.size() == most_told_destinations);
  BOOST_TEST(seen.total.destinations.back().port == 99);
  BOOST_TEST(seen.total.destinations.front().traffic.packets == 5U);
}

BOOST_AUTO_TEST_SUITE_END()
