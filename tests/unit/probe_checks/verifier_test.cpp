#include "probe/watch/verifier.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

std::string trace(const std::string&) { return http_reply("h=127.0.0.1\nip=198.51.100.7\nloc=RO\ncolo=OTP\n"); }
std::string silence(const std::string&) { return {}; }

/// A tunnel without liveness check, whose namespace counts as kept while `held` is shared.
struct Fixture {
  Fixture() {
    policy.liveness_interval = 0ms;
    policy.check_timeout = 600ms;
  }
  void start(bool has_v6 = false) {
    verifier.start(
        [held = held](int domain, int type, int protocol) -> Result<Fd> {
          return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
        },
        "wg0", has_v6, {});
  }
  Observation seen() const {
    Observation look;
    verifier.fill(look);
    return look;
  }
  template <typename Reached>
  bool await(Reached reached) {
    const auto end = mono_now() + 10s;
    while (!reached() && mono_now() < end) io.run_one_for(10ms);
    return reached();
  }

  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy policy;
  int news = 0;
  std::shared_ptr<int> held = std::make_shared<int>(0);
  Verifier verifier{io, http, dns, policy, [this] { ++news; }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(verifier, Fixture)

BOOST_AUTO_TEST_CASE(what_is_not_asked_for_is_not_pending) {
  start();
  io.run_for(200ms);
  BOOST_TEST(!verifier.checks_pending());
  BOOST_TEST((!seen().exit && !seen().exit_pending && !seen().whoami && !seen().whoami_pending));
}

BOOST_AUTO_TEST_CASE(a_check_is_pending_until_it_has_answered) {
  HttpServer server(io, trace);
  policy.trace_urls = {server.url()};
  start();
  BOOST_REQUIRE(seen().exit_pending.has_value());
  BOOST_TEST(!seen().exit_pending->overdue);
  BOOST_REQUIRE(await([&] { return news == 1; }));
  BOOST_TEST(!seen().exit_pending);
  BOOST_TEST(seen().exit->v4->to_string() == "198.51.100.7");
  BOOST_TEST(!verifier.checks_pending());
}

BOOST_AUTO_TEST_CASE(silence_counts_as_failed_after_one_time_out_and_not_after_two_rounds_of_all_services) {
  HttpServer silent(io, silence);
  policy.trace_urls = std::vector<std::string>(6, silent.url());
  start();
  const auto begin = mono_now();
  BOOST_REQUIRE(await([&] { return seen().exit_pending && seen().exit_pending->overdue; }));
  BOOST_TEST((mono_now() - begin < 700ms));
  // The round began a moment after the clock; its own end tells the reason.
  BOOST_REQUIRE(await([&] { return seen().exit.has_value(); }));
  BOOST_TEST((mono_now() - begin < 1500ms));
  BOOST_TEST(!seen().exit->error.empty());
  BOOST_TEST(!seen().exit_pending);
}

BOOST_AUTO_TEST_CASE(routes_that_change_for_ever_do_not_put_the_end_off_for_ever) {
  HttpServer silent(io, silence);
  policy.trace_urls = {silent.url()};
  start();
  const auto begin = mono_now();
  while (!seen().exit_pending->overdue && mono_now() - begin < 5s) {
    verifier.recheck(false);
    io.run_for(50ms);
  }
  BOOST_TEST((mono_now() - begin < 900ms));
  BOOST_TEST(silent.accepted() == 0);  // the changes came too fast for any round
}

BOOST_AUTO_TEST_CASE(a_failure_goes_on_counting_when_the_routes_change_until_there_is_an_answer) {
  bool busy = true;
  HttpServer service(io, [&](const std::string& request) { return busy ? http_reply("", "503 Busy") : trace(request); });
  policy.trace_urls = {service.url()};
  start();
  BOOST_REQUIRE(await([&] { return seen().exit.has_value(); }));
  BOOST_TEST(!seen().exit->v4);
  verifier.recheck(false);
  BOOST_REQUIRE(seen().exit_pending.has_value());
  BOOST_TEST(seen().exit_pending->overdue);
  busy = false;
  BOOST_REQUIRE(await([&] { return seen().exit.has_value(); }));
  BOOST_TEST(seen().exit->v4->to_string() == "198.51.100.7");
  verifier.recheck(false);
  BOOST_TEST(!seen().exit_pending->overdue);
}

BOOST_AUTO_TEST_CASE(a_first_failure_in_time_is_tried_again_before_it_counts) {
  int asked = 0;
  HttpServer flaky(io, [&](const std::string& request) { return ++asked == 1 ? http_reply("", "503 Busy") : trace(request); });
  policy.trace_urls = {flaky.url()};
  policy.check_timeout = 10s;
  start();
  BOOST_REQUIRE(await([&] { return seen().exit.has_value(); }));
  BOOST_TEST(asked == 2);
  BOOST_TEST(seen().exit->v4.has_value());
}

BOOST_AUTO_TEST_CASE(one_check_that_hangs_makes_no_failure_of_the_other) {
  HttpServer silent(io, silence);
  UdpServer whoami(io, [](const Message& query) { return Messages{txt_answer(query, "198.51.100.7")}; });
  policy.trace_urls = {silent.url()};
  policy.whoami_servers = {whoami.endpoint()};
  start();
  BOOST_REQUIRE(await([&] { return seen().exit_pending && seen().exit_pending->overdue; }));
  BOOST_TEST(!seen().whoami_pending);
  BOOST_TEST(seen().whoami->egress->to_string() == "198.51.100.7");
}

BOOST_AUTO_TEST_CASE(who_gives_up_takes_what_is_pending_for_failed) {
  HttpServer silent(io, silence);
  policy.trace_urls = {silent.url()};
  start();
  BOOST_TEST(!seen().exit_pending->overdue);
  verifier.give_up();
  BOOST_TEST(seen().exit_pending->overdue);
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_is_gone_keeps_neither_a_question_nor_its_namespace) {
  HttpServer silent(io, silence);
  policy.trace_urls = std::vector<std::string>(6, silent.url());
  policy.check_timeout = 10s;
  start();
  BOOST_REQUIRE(await([&] { return silent.requests().size() == 1; }));
  BOOST_TEST(held.use_count() > 1);
  verifier.stop();
  BOOST_TEST(held.use_count() == 1);
  BOOST_TEST((!seen().exit_pending && !verifier.checks_pending()));
  io.run_for(100ms);
  BOOST_TEST(silent.accepted() == 1);
  BOOST_TEST(news == 0);
}

BOOST_AUTO_TEST_CASE(rounds_do_not_pile_up_when_routes_flap) {
  HttpServer silent(io, silence);
  policy.trace_urls = {silent.url()};
  policy.check_timeout = 10s;
  start();
  for (std::size_t round = 1; round <= 3; ++round) {
    BOOST_REQUIRE(await([&] { return silent.requests().size() == round; }));
    verifier.recheck(false);
  }
  BOOST_TEST(held.use_count() == 2);  // the verifier's own: the cancelled rounds hold none
}

BOOST_AUTO_TEST_CASE(asked_to_check_now_it_keeps_what_it_knows_until_there_are_new_answers) {
  HttpServer server(io, trace);
  policy.trace_urls = {server.url("/cdn-cgi/trace")};
  policy.check_interval = 1h;
  start();
  BOOST_REQUIRE(await([&] { return seen().exit.has_value(); }));
  BOOST_TEST(server.requests().size() == 1U);
  const int before = news;
  verifier.check_now();
  verifier.check_now();  // one round, however often it is asked for
  BOOST_TEST(seen().exit.has_value());
  BOOST_TEST(verifier.checks_pending());
  BOOST_REQUIRE(await([&] { return news > before; }));
  BOOST_TEST(server.requests().size() == 2U);
  verifier.stop();
  verifier.check_now();
  BOOST_TEST(!verifier.checks_pending());
}

BOOST_AUTO_TEST_CASE(a_settled_family_does_not_wait_for_the_other) {
  HttpServer service(io, [](const std::string&) { return http_reply("h=service.test\nip=198.51.100.7\nloc=RO\n"); });
  UdpServer resolver(io, [](const Message& query) {
    auto message = answer_to(query);
    if (message[message.size() - 3] != std::byte{1}) return Messages{};  // AAAA: silence
    add_record(message, 1, 1, bytes({127, 0, 0, 1}));
    return Messages{message};
  });
  policy.trace_urls = {"http://service.test:" + std::to_string(service.port()) + "/"};
  policy.resolvers = {resolver.endpoint()};
  policy.check_timeout = 1500ms;
  start(true);
  BOOST_REQUIRE(await([&] { return news == 1; }));
  BOOST_TEST(verifier.checks_pending());
  BOOST_TEST((seen().exit->v4 && seen().exit->in_v4.settled));
  BOOST_TEST((seen().exit->in_v6.asked && !seen().exit->in_v6.settled));
  BOOST_REQUIRE(await([&] { return !verifier.checks_pending(); }));
  BOOST_TEST(seen().exit->in_v6.settled);
  BOOST_TEST((seen().exit->in_v4.answered_before && !seen().exit->in_v6.answered_before));
}

BOOST_AUTO_TEST_SUITE_END()
