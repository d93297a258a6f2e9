#include <boost/test/unit_test.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "probe/checks/exit_check.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;

namespace {

constexpr const char* exit_address = "198.51.100.7";
constexpr const char* other = "203.0.113.9";

HttpServer::Reply trace_of(const std::string& ip) {
  return [=](const std::string&) { return http_reply("ip=" + ip + "\nloc=RO\n"); };
}
HttpServer::Reply json_of(const std::string& ip) {
  return [=](const std::string&) { return http_reply(R"({"ip":")" + ip + R"(","country":"RO","org":"AS64500 Example"})"); };
}
std::string limited(const std::string&) { return http_reply("", "429 Too Many Requests", "Retry-After: 600\r\n"); }
std::string silence(const std::string&) { return {}; }

struct Fixture {
  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  ExitCheck check{io, http, dns};
  ExitRequest request;
  std::vector<ExitOfFamily> told;

  void add(SourceKind kind, const HttpServer& server) { request.operators.push_back({{{kind, server.url()}}}); }
  ExitOfFamily run(milliseconds timeout = milliseconds{3000}) {
    request.timeout = timeout;
    std::optional<ExitOfFamily> result;
    told.clear();
    check.run(request, [&](const ExitOfFamily& seen) {
      told.push_back(seen);
      if (seen.settled) result = seen;
    });
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
  static ExitAccord accord(const ExitOfFamily& seen) {
    const auto found = accord_of(seen.voices);
    BOOST_REQUIRE(found.has_value());
    return *found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exit_quorum, Fixture)

BOOST_AUTO_TEST_CASE(two_operators_are_asked_at_once_and_no_third_when_they_agree) {
  HttpServer trace(io, trace_of(exit_address));
  HttpServer ipinfo(io, json_of(exit_address));
  HttpServer third(io, json_of(exit_address));
  add(SourceKind::trace, trace);
  add(SourceKind::ipinfo, ipinfo);
  add(SourceKind::mullvad, third);
  const auto seen = run();
  BOOST_TEST(seen.asked);
  BOOST_TEST(seen.voices.size() == 2U);
  BOOST_TEST(accord(seen).sources == 2U);
  BOOST_TEST(third.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(the_first_voice_counts_before_the_second_has_come) {
  HttpServer trace(io, trace_of(exit_address));
  HttpServer silent(io, silence);
  add(SourceKind::trace, trace);
  add(SourceKind::ipinfo, silent);
  const auto seen = run(milliseconds{300});
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST(!told.front().settled);
  BOOST_TEST(told.front().voices.size() == 1U);
  BOOST_TEST(seen.voices.size() == 1U);
  BOOST_REQUIRE(seen.silences.size() == 1U);
  BOOST_TEST(!seen.silences.front().limited);
}

BOOST_AUTO_TEST_CASE(of_two_that_disagree_a_third_tells_which_one_is_right) {
  HttpServer liar(io, trace_of(other));
  HttpServer honest(io, json_of(exit_address));
  HttpServer third(io, json_of(exit_address));
  HttpServer fourth(io, json_of(exit_address));
  add(SourceKind::trace, liar);
  add(SourceKind::ipinfo, honest);
  add(SourceKind::mullvad, third);
  add(SourceKind::mullvad, fourth);
  const auto seen = run();
  BOOST_TEST(seen.voices.size() == 3U);
  BOOST_TEST((accord(seen) == ExitAccord{*IpAddress::parse(exit_address), 2}));
  BOOST_TEST(fourth.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(two_that_disagree_stay_apart_when_nobody_else_can_be_asked) {
  HttpServer trace(io, trace_of(other));
  HttpServer ipinfo(io, json_of(exit_address));
  add(SourceKind::trace, trace);
  add(SourceKind::ipinfo, ipinfo);
  const auto seen = run();
  BOOST_TEST(seen.voices.size() == 2U);
  BOOST_TEST(accord(seen).sources == 1U);
}

BOOST_AUTO_TEST_CASE(services_of_one_operator_have_one_voice) {
  HttpServer first(io, trace_of(exit_address));
  HttpServer second(io, trace_of(exit_address));
  request.operators.push_back({{{SourceKind::trace, first.url()}, {SourceKind::trace, second.url()}}});
  const auto seen = run();
  BOOST_TEST(seen.voices.size() == 1U);
  BOOST_TEST(second.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(who_fails_is_replaced_by_the_next_operator) {
  HttpServer broken(io, [](const std::string&) { return http_reply("<html>login</html>"); });
  HttpServer ipinfo(io, json_of(exit_address));
  HttpServer mullvad(io, json_of(exit_address));
  add(SourceKind::ip_api, broken);
  add(SourceKind::ipinfo, ipinfo);
  add(SourceKind::mullvad, mullvad);
  const auto seen = run();
  BOOST_TEST(accord(seen).sources == 2U);
  BOOST_REQUIRE(seen.silences.size() == 1U);
  BOOST_TEST(seen.silences.front().reason.find("127.0.0.1: it answered with a page") == 0U);
}

BOOST_AUTO_TEST_CASE(who_is_silent_does_not_hold_up_the_others) {
  HttpServer silent(io, silence);
  HttpServer ipinfo(io, json_of(exit_address));
  HttpServer mullvad(io, json_of(exit_address));
  add(SourceKind::trace, silent);
  add(SourceKind::ipinfo, ipinfo);
  add(SourceKind::mullvad, mullvad);
  const auto begin = mono_now();
  BOOST_TEST(accord(run(milliseconds{1000})).sources == 2U);
  BOOST_TEST((mono_now() - begin < milliseconds{900}));
}

BOOST_AUTO_TEST_CASE(a_limited_service_is_left_alone_in_later_rounds) {
  HttpServer busy(io, limited);
  HttpServer ipinfo(io, json_of(exit_address));
  add(SourceKind::mullvad, busy);
  add(SourceKind::ipinfo, ipinfo);
  for (int round = 0; round < 3; ++round) {
    const auto seen = run();
    BOOST_TEST(seen.voices.size() == 1U);
    BOOST_REQUIRE(seen.silences.size() == 1U);
    BOOST_TEST(seen.silences.front().limited);
  }
  BOOST_TEST(busy.accepted() == 1);
  BOOST_TEST(ipinfo.accepted() == 3);
}

BOOST_AUTO_TEST_CASE(when_all_are_limited_that_is_the_reason) {
  HttpServer a(io, limited);
  HttpServer b(io, limited);
  add(SourceKind::ipinfo, a);
  add(SourceKind::mullvad, b);
  for (int round = 0; round < 2; ++round) {
    const auto seen = run();
    BOOST_TEST(seen.voices.empty());
    BOOST_TEST(silence_text(seen).find("all services want no more questions from this address for now") == 0U);
  }
  BOOST_TEST(a.accepted() == 1);
  BOOST_TEST(b.accepted() == 1);
}

BOOST_AUTO_TEST_CASE(the_window_that_a_service_counts_in_is_respected) {
  HttpServer counting(io, [](const std::string&) {
    return http_reply(R"({"status":"success","query":"198.51.100.7","countryCode":"RO"})", "200 OK", "X-Rl: 0\r\nx-ttl: 60\r\n");
  });
  add(SourceKind::ip_api, counting);
  BOOST_TEST(run().voices.size() == 1U);
  BOOST_TEST(run().voices.empty());
  BOOST_TEST(counting.accepted() == 1);
}

BOOST_AUTO_TEST_CASE(the_handler_may_stop_the_check_at_the_first_voice) {
  HttpServer trace(io, trace_of(exit_address));
  HttpServer silent(io, silence);
  add(SourceKind::trace, trace);
  add(SourceKind::ipinfo, silent);
  int calls = 0;
  check.run(request, [&](const ExitOfFamily& seen) {
    ++calls;
    BOOST_TEST(seen.voices.size() == 1U);
    check.stop();
  });
  io.run_for(milliseconds{200});
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(addresses_of_one_network_are_the_same_exit) {
  const auto ip = [](const char* text) { return IpAddress::parse(text).value(); };
  BOOST_TEST(is_same_exit(ip("198.51.100.7"), ip("198.51.100.200")));
  BOOST_TEST(!is_same_exit(ip("198.51.100.7"), ip("198.51.101.7")));
  BOOST_TEST(is_same_exit(ip("2001:db8::1"), ip("2001:db8::ffff")));
  BOOST_TEST(!is_same_exit(ip("2001:db8::1"), ip("2001:db8:0:1::1")));
  BOOST_TEST(!is_same_exit(ip("2001:db8::1"), ip("198.51.100.7")));
}

BOOST_AUTO_TEST_SUITE_END()
