#include "probe/checks/liveness.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  asio::io_context io;
  DnsClient dns{io};
  Liveness liveness{io, dns};
  std::vector<LivenessSample> samples;
  std::size_t wanted = 0;
  std::optional<bool> enough;

  LivenessOptions options(const Endpoint& server) const {
    LivenessOptions result;
    result.server = server;
    result.device = "lo";
    result.interval = milliseconds{30};
    result.timeout = milliseconds{60};
    return result;
  }
  Liveness::Handler collect() {
    return [this](const LivenessSample& sample) {
      samples.push_back(sample);
      if (samples.size() >= wanted) enough = true;
    };
  }
  void wait_for(std::size_t count) {
    wanted = samples.size() + count;
    enough.reset();
    BOOST_REQUIRE(run_until(io, enough));
  }
};

Messages refuse(const Message& query) { return {answer_to(query, 5)}; }
Messages silence(const Message&) { return {}; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(liveness, Fixture)

BOOST_AUTO_TEST_CASE(any_answer_counts_and_questions_go_on) {
  UdpServer server(io, refuse);
  liveness.start(options(server.endpoint()), collect());
  BOOST_TEST(samples.empty());
  wait_for(4);
  for (const auto& sample : samples) BOOST_TEST(sample.round_trip.has_value());
  BOOST_TEST((samples[1].asked > samples[0].asked));
}

BOOST_AUTO_TEST_CASE(silence_is_a_time_out_of_one_question_each) {
  UdpServer server(io, silence);
  liveness.start(options(server.endpoint()), collect());
  wait_for(3);
  for (const auto& sample : samples) {
    BOOST_REQUIRE(!sample.round_trip);
    BOOST_TEST((sample.round_trip.error().kind == Error::Kind::timed_out));
  }
  liveness.stop();
}

BOOST_AUTO_TEST_CASE(a_missing_device_is_told_apart_from_silence) {
  auto broken = options({loopback(), 53});
  broken.device = "no-such-dev0";
  liveness.start(broken, collect());
  wait_for(1);
  BOOST_TEST((samples[0].round_trip.error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(a_kick_asks_at_once) {
  UdpServer server(io, refuse);
  auto slow = options(server.endpoint());
  slow.interval = std::chrono::hours{1};
  liveness.start(slow, collect());
  wait_for(1);
  liveness.kick();
  wait_for(1);
  BOOST_TEST(server.queries() == 2);
}

BOOST_AUTO_TEST_CASE(kicks_are_bounded) {
  UdpServer server(io, silence);
  auto slow = options(server.endpoint());
  slow.interval = std::chrono::hours{1};
  liveness.start(slow, collect());
  for (int i = 0; i < 50; ++i) liveness.kick();
  wait_for(8);
  BOOST_TEST(server.queries() == 8);
}

BOOST_AUTO_TEST_CASE(after_stop_nothing_comes_and_a_kick_does_nothing) {
  UdpServer server(io, refuse);
  liveness.start(options(server.endpoint()), collect());
  wait_for(1);
  liveness.stop();
  liveness.kick();
  const auto queries = server.queries();
  const auto seen = samples.size();
  io.restart();
  io.run_for(milliseconds{100});
  BOOST_TEST(samples.size() == seen);
  BOOST_TEST(server.queries() <= queries + 1);  // one may have been on its way
}

BOOST_AUTO_TEST_CASE(a_handler_may_stop_or_start_again) {
  UdpServer first(io, refuse);
  UdpServer second(io, refuse);
  liveness.start(options(first.endpoint()), [&](const LivenessSample&) { liveness.start(options(second.endpoint()), collect()); });
  wait_for(2);
  BOOST_TEST(second.queries() >= 2);
  liveness.start(options(first.endpoint()), [&](const LivenessSample&) {
    liveness.stop();
    enough = true;
  });
  enough.reset();
  BOOST_TEST(run_until(io, enough));
}

BOOST_AUTO_TEST_CASE(a_destroyed_liveness_calls_nobody) {
  UdpServer server(io, refuse);
  {
    Liveness gone(io, dns);
    gone.start(options(server.endpoint()), [](const LivenessSample&) { BOOST_ERROR("called"); });
    io.poll_one();
  }
  liveness.start(options(server.endpoint()), collect());
  wait_for(2);
}

BOOST_AUTO_TEST_SUITE_END()
