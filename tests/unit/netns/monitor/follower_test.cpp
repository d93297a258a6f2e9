#include "netns/monitor/follower.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/drop_filter.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t plenty = 100'000;

Follower start(const TestNamespace& inside) {
  auto follower = Follower::open(inside.opener(), Follower::Mode::follow).value();
  BOOST_REQUIRE(follower.read_everything(mono_now() + 10s).has_value());
  return follower;
}

/// Reads until the running and wanted dumps are done.
void settle(Follower& follower) {
  const auto deadline = mono_now() + 10s;
  while (!follower.settled()) {
    BOOST_REQUIRE(follower.start_dump().has_value());
    if (follower.read(plenty).more) continue;
    BOOST_REQUIRE(mono_now() < deadline);
  }
}

/// As the monitor does it, again and again: what happened just now is doubted for a while.
void settle_without_doubts(Follower& follower) {
  const auto deadline = mono_now() + 10s;
  do {
    follower.want_doubtful();
    settle(follower);
    BOOST_REQUIRE(mono_now() < deadline);
  } while (follower.has_doubts());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(follower)

BOOST_AUTO_TEST_CASE(the_first_look_at_a_fresh_namespace_shows_loopback_and_the_standard_rules) {
  const TestNamespace inside;
  const auto follower = start(inside);
  BOOST_TEST(follower.settled());
  BOOST_TEST(follower.snapshot().find_link("lo") != nullptr);
  BOOST_TEST(follower.snapshot().addresses.empty());
  BOOST_TEST(std::ranges::count(follower.snapshot().rules, Family::v4, &Rule::family) == 3);
  BOOST_TEST(std::ranges::count(follower.snapshot().rules, Family::v6, &Rule::family) == 2);
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_answer_is_a_timeout) {
  const TestNamespace inside;
  auto follower = Follower::open(deaf(inside.opener()), Follower::Mode::look_once).value();
  const auto read = follower.read_everything(mono_now() + 50ms);
  BOOST_TEST_REQUIRE(!read.has_value());
  BOOST_TEST((read.error().kind == Error::Kind::timed_out));
}

BOOST_AUTO_TEST_CASE(reading_stops_at_the_bound_and_says_that_there_is_more) {
  const TestNamespace inside;
  auto follower = start(inside);
  inside.run("ip link set lo up; for i in 1 2 3 4 5 6 7 8 9; do ip rule add priority $i table 7 || exit 1; done");
  const auto first = follower.read(4);
  BOOST_TEST(first.more);
  const auto rest = follower.read(plenty);
  BOOST_TEST(!rest.more);
  BOOST_TEST(rest.burst.changed);
  BOOST_TEST(std::ranges::count(follower.snapshot().rules, 7U, &Rule::table) == 9);
}

BOOST_AUTO_TEST_CASE(an_event_during_a_dump_is_kept_and_the_dump_is_doubted) {
  const TestNamespace inside;
  inside.run("ip link set lo up");
  auto follower = start(inside);
  inside.run("ip link set lo down; ip link set lo up");
  BOOST_TEST(follower.read(plenty).burst.changed);
  BOOST_TEST_REQUIRE(follower.has_doubts());
  follower.want_doubtful();
  BOOST_REQUIRE(follower.start_dump().has_value());
  inside.run("ip route add 192.0.2.0/24 dev lo");
  settle(follower);
  BOOST_TEST(std::ranges::count(follower.snapshot().routes, IpPrefix::parse("192.0.2.0/24").value(), &Route::destination) == 1);
  BOOST_TEST(follower.has_doubts());
  settle_without_doubts(follower);
  BOOST_TEST(std::ranges::count(follower.snapshot().routes, IpPrefix::parse("192.0.2.0/24").value(), &Route::destination) == 1);
}

BOOST_AUTO_TEST_CASE(a_dump_right_after_an_event_is_doubted_because_the_kernel_announces_an_end_before_it_comes) {
  const TestNamespace inside;
  inside.run("ip link set lo up && ip route add 192.0.2.0/24 dev lo");
  auto follower = start(inside);
  inside.run("ip route delete 192.0.2.0/24 dev lo");
  BOOST_TEST(follower.read(plenty).burst.changed);
  follower.doubt_everything();
  follower.want_doubtful();
  settle(follower);
  BOOST_TEST(follower.has_doubts());
  settle_without_doubts(follower);
  BOOST_TEST(std::ranges::count(follower.snapshot().routes, IpPrefix::parse("192.0.2.0/24").value(), &Route::destination) == 0);
}

BOOST_AUTO_TEST_CASE(a_change_between_a_loss_and_the_end_of_the_queue_is_not_missed) {
  const TestNamespace inside;
  inside.run("ip link set lo up");
  auto follower = Follower::open(inside.opener(), Follower::Mode::follow, 0).value();
  BOOST_REQUIRE(follower.read_everything(mono_now() + 10s).has_value());
  const std::string many = "for i in $(seq 1 300); do echo rule add priority $i table 7; done | ip -batch -";
  inside.run("bash -c '" + many + "'");
  // Two messages are counted for a datagram of one, and about 256 fit: enough are left, and there is room for a dump.
  const auto first = follower.read(300);
  BOOST_TEST(first.overrun);
  BOOST_TEST(first.more);
  BOOST_REQUIRE(follower.start_dump().has_value());
  // The kernel drops this message without a further word, because messages of before are still waiting.
  inside.run("ip link set lo mtu 1400");
  while (!follower.settled() || follower.has_doubts()) {
    settle(follower);
    follower.want_doubtful();
  }
  BOOST_TEST(follower.snapshot().find_link("lo")->mtu == 1400U);
  BOOST_TEST(std::ranges::count(follower.snapshot().rules, 7U, &Rule::table) == 300);
}

BOOST_AUTO_TEST_CASE(a_quiet_namespace_has_nothing_to_read) {
  const TestNamespace inside;
  auto follower = start(inside);
  const auto turn = follower.read(plenty);
  BOOST_TEST(!turn.burst.changed);
  BOOST_TEST(!turn.more);
  BOOST_TEST((turn.received == MonoTime{}));
}

BOOST_AUTO_TEST_SUITE_END()
