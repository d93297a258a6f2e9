// How the probe follows its own way out. The whole test lives in a namespace of its own, whose routes lead nowhere.
#include <sched.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "probe/watch/outside_asker.hpp"
#include "probe/watch/outside_facts.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/netns_clients/http_server.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// The main thread's, for good: what is made from now on lives in it.
struct OwnNamespace {
  OwnNamespace() {
    BOOST_REQUIRE(::unshare(CLONE_NEWNET) == 0);
    run_command_line(
        "ip link set lo up && ip link add up0 type veth peer name far0 && ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up && "
        "ip link set far0 up");
  }
};
BOOST_TEST_GLOBAL_FIXTURE(OwnNamespace);

struct Fixture {
  boost::asio::io_context io;
  std::string address = "203.0.113.10";  ///< empty: the service is silent
  HttpServer trace{
      io, [this](const std::string&) { return address.empty() ? std::string() : http_reply("h=127.0.0.1\nip=" + address + "\nloc=DE\n"); }};
  OutsideQuestion question;
  int news = 0;

  Fixture() {
    run_command_line("ip route replace default via 192.0.2.1 dev up0");
    question.trace_urls = {trace.url()};
    question.timeout = 2000ms;
    question.interval = 1h;
  }
  OutsideFacts::Subscription subscribe() {
    return boost::asio::use_service<OutsideFacts>(io).subscribe(question, [this] { ++news; });
  }
  static std::string shown(const OutsideFacts::Subscription& seat) {
    const auto uplink = seat->uplink();
    return uplink.addresses.empty() ? "nothing" : uplink.addresses.front().to_string();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(uplink_change, Fixture)

BOOST_AUTO_TEST_CASE(another_route_to_the_internet_makes_the_old_address_nobodys_and_the_new_one_is_learnt) {
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) == "203.0.113.10"; }));
  BOOST_TEST(seat->uplink().gateways.size() == 1U);
  address = "203.0.113.99";
  const int before = news;
  run_command_line("ip route replace default via 192.0.2.9 dev up0");
  BOOST_REQUIRE(run_until(io, [&] { return news > before; }));
  BOOST_TEST(shown(seat) == "nothing");  // nothing may be compared with it meanwhile
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) != "nothing"; }));
  BOOST_TEST(shown(seat) == "203.0.113.99");
}

BOOST_AUTO_TEST_CASE(while_the_route_stays_nobody_is_asked_again) {
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) == "203.0.113.10"; }));
  run_command_line("ip route add 198.51.100.0/24 via 192.0.2.7 dev up0");
  const auto end = mono_now() + 1500ms;  // longer than a look at the route takes
  BOOST_REQUIRE(run_until(io, [&] { return mono_now() > end; }));
  BOOST_TEST(trace.accepted() == 1);
  run_command_line("ip route del 198.51.100.0/24");
}

BOOST_AUTO_TEST_CASE(a_way_out_that_is_a_tunnel_is_named) {
  if (std::system("ip tuntap add dev vpn9 mode tun 2>/dev/null") != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: no tun interface can be made");
    return;
  }
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) == "203.0.113.10"; }));
  BOOST_TEST(seat->uplink().own_tunnel.empty());
  run_command_line("ip link set vpn9 up && ip route replace default dev vpn9");
  BOOST_TEST(run_until(io, [&] { return seat->uplink().own_tunnel == "vpn9"; }));
  BOOST_TEST(seat->uplink().own_tunnel_v6.empty());
  run_command_line("ip link del vpn9");
}

BOOST_AUTO_TEST_CASE(without_a_way_out_nobody_is_asked_and_that_it_is_unknown_is_told_in_time) {
  run_command_line("ip route del default");
  question.timeout = 1ms;
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return !seat->pending() && !seat->uplink().overdue.empty(); }));
  BOOST_TEST(!seat->uplink().v4_leads_out);
  BOOST_TEST(trace.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(of_a_family_without_a_way_out_nothing_is_missed) {
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) == "203.0.113.10"; }));
  BOOST_TEST(!seat->uplink().v6_leads_out);
  BOOST_TEST(seat->uplink().overdue.empty());
}

BOOST_AUTO_TEST_CASE(a_service_that_is_silent_leaves_the_address_unknown_and_a_doubt_does_not_make_it_known) {
  address.clear();
  question.timeout = 50ms;
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return !seat->uplink().overdue.empty(); }));
  BOOST_TEST((seat->uplink().overdue == std::vector{Family::v4}));
  seat->ask_again();
  BOOST_TEST(shown(seat) == "nothing");
}

BOOST_AUTO_TEST_CASE(a_hint_that_the_address_may_be_another_one_puts_it_in_doubt_until_it_is_told_again) {
  const auto seat = subscribe();
  BOOST_REQUIRE(run_until(io, [&] { return shown(seat) == "203.0.113.10"; }));
  seat->ask_again();
  BOOST_TEST((seat->uplink().awaited == std::vector{Family::v4}));
  BOOST_TEST(shown(seat) == "203.0.113.10");
}

BOOST_AUTO_TEST_CASE(pauses_grow_with_each_failure_up_to_the_usual_interval) {
  BOOST_TEST((pause_after_failures(0, 24h) == 1min));
  BOOST_TEST((pause_after_failures(1, 24h) == 2min));
  BOOST_TEST((pause_after_failures(5, 24h) == 32min));
  BOOST_TEST((pause_after_failures(6, 24h) == 64min));
  BOOST_TEST((pause_after_failures(4'000'000'000, 24h) == 64min));
  BOOST_TEST((pause_after_failures(0, 5s) == 5s));
  BOOST_TEST((pause_after_failures(3, 5min) == 5min));
}

BOOST_AUTO_TEST_SUITE_END()
