#include "probe/watch/path_checks.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

/// Answers with 198.51.100.7.
Messages mapped(const Message& request) {
  Message message = bytes({1, 1, 0, 12});
  message.insert(message.end(), request.begin() + 4, request.begin() + 20);
  const auto attribute = bytes({0, 0x20, 0, 8, 0, 1, 0x88, 0x3b, 0xe7, 0x21, 0xc0, 0x45});
  message.insert(message.end(), attribute.begin(), attribute.end());
  return {message};
}

struct Fixture {
  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy policy;
  UdpServer stun{io, mapped};
  HttpServer silent{io, [](const std::string&) { return std::string(); }};
  int sockets = 0;
  int news = 0;
  std::optional<PathChecks> checks;

  Fixture() {
    policy.path.stun_servers = {{"127.0.0.1", stun.endpoint().port}};
    policy.check_interval = 1h;
    policy.check_timeout = 30s;
  }
  void start() {
    checks.emplace(io, http, dns, policy, [this] { ++news; });
    checks->start(counting_opener(sockets), false);
  }
  Observation seen() {
    Observation look;
    checks->fill(look);
    return look;
  }
  const UdpOfFamily udp() { return seen().udp.value().in_v4; }
  template <typename Reached>
  bool await(Reached reached) {
    const auto end = mono_now() + 10s;
    while (!reached() && mono_now() < end) io.run_one_for(10ms);
    return reached();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(path_checks, Fixture)

BOOST_AUTO_TEST_CASE(the_answer_of_udp_does_not_wait_for_a_web_service_that_hangs) {
  policy.path.large_packets = true;
  policy.trace_urls = {silent.url()};
  start();
  BOOST_TEST(!udp().current);
  BOOST_REQUIRE(await([&] { return udp().current; }));
  BOOST_TEST(udp().address->to_string() == "198.51.100.7");
  BOOST_TEST(news == 1);
  BOOST_TEST(checks->pending());
  BOOST_TEST(!seen().large_packets.has_value());
}

BOOST_AUTO_TEST_CASE(after_a_change_of_routes_the_old_answer_is_no_longer_current_and_is_asked_for_again) {
  start();
  BOOST_REQUIRE(await([&] { return udp().current; }));
  checks->recheck(false);
  BOOST_TEST(!udp().current);
  BOOST_REQUIRE(await([&] { return udp().current; }));
  BOOST_TEST(stun.queries() == 2);
}

BOOST_AUTO_TEST_CASE(an_exit_that_moves_and_a_tunnel_that_answers_again_make_the_answer_old) {
  start();
  BOOST_REQUIRE(await([&] { return udp().current; }));
  Observation look;
  look.liveness = LivenessView::alive;
  look.exit = ExitView{};
  look.exit->v4 = IpAddress::parse("198.51.100.7").value();
  checks->follow(look);
  BOOST_TEST(udp().current);
  look.exit->v4 = IpAddress::parse("192.0.2.7").value();
  checks->follow(look);
  BOOST_TEST(!udp().current);
  BOOST_REQUIRE(await([&] { return udp().current; }));
  look.liveness = LivenessView::stalled;
  checks->follow(look);
  BOOST_TEST(udp().current);
  look.liveness = LivenessView::alive;
  checks->follow(look);
  BOOST_TEST(!udp().current);
}

BOOST_AUTO_TEST_CASE(asked_to_check_now_it_keeps_what_it_knows) {
  start();
  BOOST_REQUIRE(await([&] { return udp().current; }));
  checks->check_now();
  BOOST_TEST(udp().current);
  BOOST_REQUIRE(await([&] { return stun.queries() == 2; }));
}

BOOST_AUTO_TEST_CASE(stopped_or_not_wanted_it_tells_nothing) {
  start();
  BOOST_REQUIRE(await([&] { return udp().current; }));
  checks->stop();
  BOOST_TEST(!seen().udp.has_value());
  BOOST_TEST(!checks->pending());
  policy.path.stun_servers.clear();
  start();
  BOOST_TEST(!checks->pending());
  BOOST_TEST(!seen().udp.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
