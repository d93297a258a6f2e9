#include "probe/checks/liveness.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;
using View = LivenessStreak::View;

namespace {

struct Fixture {
  struct Call {
    View view;
    bool answered;
  };
  asio::io_context io;
  DnsClient dns{io};
  Liveness liveness{io, dns};
  int sockets = 0;
  std::vector<Call> calls;
  std::size_t wanted = 0;
  std::optional<bool> enough;

  LivenessOptions options(const Endpoint& server) {
    LivenessOptions result;
    result.open_socket = counting_opener(sockets);
    result.server = server;
    result.device = "lo";
    result.interval = milliseconds{20};
    return result;
  }
  Liveness::Handler collect() {
    return [this](const LivenessStreak& streak, std::optional<std::chrono::microseconds> round_trip) {
      calls.push_back({streak.view(), round_trip.has_value()});
      if (calls.size() >= wanted) enough = true;
    };
  }
  void wait_for(std::size_t count) {
    wanted = calls.size() + count;
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
  BOOST_TEST(calls.empty());
  wait_for(4);
  for (const auto& call : calls) {
    BOOST_TEST((call.view == View::alive));
    BOOST_TEST(call.answered);
  }
  BOOST_TEST(server.queries() >= 4);
  BOOST_TEST(sockets >= 4);
}

BOOST_AUTO_TEST_CASE(silence_stalls_after_the_set_number_of_failures) {
  UdpServer server(io, silence);
  auto impatient = options(server.endpoint());
  impatient.failures = 2;
  liveness.start(impatient, collect());
  wait_for(2);
  BOOST_TEST((calls[0].view == View::waiting));
  BOOST_TEST((calls[1].view == View::stalled));
  BOOST_TEST(!calls[1].answered);
  BOOST_TEST(server.queries() >= 4);  // each question is asked again: one lost packet is no failure
}

BOOST_AUTO_TEST_CASE(packets_that_came_in_meanwhile_excuse_a_time_out) {
  bool answering = true;
  std::uint64_t received = 0;
  UdpServer server(io, [&](const Message& query) { return answering ? refuse(query) : Messages{}; });
  auto counted = options(server.endpoint());
  counted.failures = 1;
  counted.received_packets = [&] { return std::optional(++received); };
  liveness.start(counted, collect());
  wait_for(1);
  answering = false;
  while (calls.back().answered) wait_for(1);
  BOOST_TEST((calls.back().view == View::alive));
}

BOOST_AUTO_TEST_CASE(a_question_that_cannot_be_sent_is_a_failure_and_not_repeated_without_pause) {
  auto broken = options({loopback(), 53});
  broken.device = "no-such-dev0";
  liveness.start(broken, collect());
  wait_for(3);
  BOOST_TEST((calls.back().view == View::stalled));
  BOOST_TEST(sockets == 3);
}

BOOST_AUTO_TEST_CASE(after_stop_nothing_comes) {
  UdpServer server(io, refuse);
  liveness.start(options(server.endpoint()), collect());
  wait_for(1);
  liveness.stop();
  const auto seen = calls.size();
  io.restart();
  io.run_for(milliseconds{80});
  BOOST_TEST(calls.size() == seen);
}

BOOST_AUTO_TEST_CASE(a_handler_may_stop_or_start_again) {
  UdpServer first(io, refuse);
  UdpServer second(io, refuse);
  liveness.start(options(first.endpoint()), [&](const LivenessStreak&, std::optional<std::chrono::microseconds>) {
    liveness.start(options(second.endpoint()), collect());
  });
  wait_for(2);
  BOOST_TEST(second.queries() >= 2);
  BOOST_TEST(first.queries() == 1);
  std::optional<bool> stopped;
  liveness.start(options(first.endpoint()), [&](const LivenessStreak&, std::optional<std::chrono::microseconds>) {
    liveness.stop();
    stopped = true;
  });
  BOOST_TEST(run_until(io, stopped));
}

BOOST_AUTO_TEST_CASE(a_destroyed_liveness_calls_nobody) {
  UdpServer server(io, refuse);
  auto gone = std::make_unique<Liveness>(io, dns);
  gone->start(options(server.endpoint()), [](const LivenessStreak&, std::optional<std::chrono::microseconds>) { BOOST_ERROR("called"); });
  io.poll_one();
  gone.reset();
  liveness.start(options(server.endpoint()), collect());
  wait_for(2);
}

BOOST_AUTO_TEST_SUITE_END()
