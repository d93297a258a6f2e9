#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "probe/watch/target_watch.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"
#include "tests/unit/probe_app/own_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(flapping_watch)

BOOST_AUTO_TEST_CASE(of_a_tunnel_that_flaps_people_hear_little_and_the_record_has_each_change) {
  constexpr int times = 30;
  const SilentTunnel tunnel;
  boost::asio::io_context io{1};
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy policy;
  policy.client_id = "a";
  policy.tunnels = {"tun7"};
  policy.offline = true;
  std::size_t told = 0;
  std::size_t losses = 0;
  TargetWatch watch(io, http, dns, policy, [&](const TargetWatch& target, const TargetWatch::Update& update) {
    if (update.trigger != "held") ++told;
    BOOST_TEST((target.verdict().state >= target.newest().state || update.trigger == "held"));
    if (target.newest().state == State::contained) ++losses;
  });
  watch.start();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return watch.has_published() && watch.newest().state == State::secure; }));
  for (int i = 0; i < times; ++i) {
    run("ip link set tun7 down");
    BOOST_TEST_REQUIRE(run_until(io, [&] { return watch.newest().state == State::contained; }));
    BOOST_TEST((watch.verdict().state >= State::contained));
    run("ip link set tun7 up && ip route add default dev tun7");
    BOOST_TEST_REQUIRE(run_until(io, [&] { return watch.newest().state == State::secure; }));
  }
  BOOST_TEST(losses >= static_cast<std::size_t>(times));
  BOOST_TEST(told <= 24U);
  const auto& findings = watch.verdict().findings;
  BOOST_TEST((std::ranges::find(findings, "flapping", &Finding::code) != findings.end()));
  const auto calm_from = mono_now();
  const auto deadline = calm_from + 8s;
  while (watch.verdict().state != State::secure && mono_now() < deadline) io.run_one_until(deadline);
  BOOST_TEST((watch.verdict().state == State::secure));
  BOOST_TEST((mono_now() - calm_from > 4s));
  BOOST_TEST_MESSAGE("told " << told << " times of " << times << " losses, better after " << (mono_now() - calm_from) / 1ms << " ms");
  watch.stop();
  io.poll();
}

BOOST_AUTO_TEST_SUITE_END()
