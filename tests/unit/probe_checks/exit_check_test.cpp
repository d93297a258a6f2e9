#include "probe/checks/exit_check.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;

namespace {

std::string trace_text(const std::string& host, const std::string& ip) { return "h=" + host + "\nip=" + ip + "\nloc=RO\ncolo=OTP\n"; }

HttpServer::Reply trace_of(const std::string& host, const std::string& ip) {
  return [=](const std::string&) { return http_reply(trace_text(host, ip)); };
}

/// Answers A with 127.0.0.1 and AAAA with ::1.
Messages loopback_names(const Message& query) {
  auto message = answer_to(query);
  const bool v6 = message[message.size() - 3] == std::byte{28};
  if (v6) {
    add_record(message, 28, 1, bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  } else {
    add_record(message, 1, 1, bytes({127, 0, 0, 1}));
  }
  return {message};
}

struct Fixture {
  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  ExitCheck check{io, http, dns};
  ExitRequest request;
  int sockets = 0;

  Fixture() {
    request.open_socket = counting_opener(sockets);
    request.timeout = milliseconds{300};
    request.quorum = 1;
  }
  /// One operator with these services.
  static std::vector<ExitOperator> traces(const std::vector<std::string>& urls) {
    ExitOperator all;
    for (const auto& url : urls) all.sources.push_back({SourceKind::trace, url});
    return {all};
  }
  void ask(const std::vector<std::string>& urls) { request.operators = traces(urls); }
  ExitOfFamily run() {
    std::optional<ExitOfFamily> result;
    check.run(request, [&](const ExitOfFamily& seen) {
      ++calls;
      if (seen.settled) result = seen;
    });
    BOOST_REQUIRE(run_until(io, result));
    for (const auto& silence : result->silences) BOOST_TEST_MESSAGE(silence.reason);
    return *result;
  }
  ExitVoice voice() {
    const auto seen = run();
    BOOST_REQUIRE(seen.voices.size() == 1U);
    return seen.voices.front();
  }
  std::string error() {
    const auto seen = run();
    BOOST_REQUIRE(seen.voices.empty());
    return silence_text(seen);
  }
  int calls = 0;
  static std::string url(const HttpServer& server, const std::string& host) {
    return "http://" + host + ":" + std::to_string(server.port()) + "/cdn-cgi/trace";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exit_check, Fixture)

BOOST_AUTO_TEST_CASE(a_literal_host_needs_no_resolver) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  ask({server.url("/cdn-cgi/trace")});
  const auto answer = voice();
  BOOST_TEST(answer.address.to_string() == "198.51.100.7");
  BOOST_TEST(answer.facts.country == "RO");
  BOOST_TEST(answer.source == "127.0.0.1");
  BOOST_TEST(sockets == 1);
}

BOOST_AUTO_TEST_CASE(a_name_is_resolved_by_the_resolvers_in_their_order) {
  HttpServer server(io, trace_of("trace.test", "198.51.100.7"));
  UdpServer refusing(io, [](const Message& query) { return Messages{answer_to(query, 5)}; });
  UdpServer empty(io, [](const Message& query) { return Messages{answer_to(query)}; });
  UdpServer resolver(io, loopback_names);
  UdpServer unused(io, loopback_names);
  ask({url(server, "trace.test")});
  request.resolvers = {{loopback(), closed_udp_port(io)}, refusing.endpoint(), empty.endpoint(), resolver.endpoint(), unused.endpoint()};
  const auto answer = voice();
  BOOST_TEST(answer.address.to_string() == "198.51.100.7");
  BOOST_TEST(answer.source == "trace.test");
  BOOST_TEST(refusing.queries() == 1);
  BOOST_TEST(empty.queries() == 1);
  BOOST_TEST(unused.queries() == 0);
  BOOST_TEST(sockets == 5);  // four questions and one connection, all from the namespace
}

BOOST_AUTO_TEST_CASE(each_url_is_tried_until_one_answers) {
  HttpServer forbidden(io, [](const std::string&) { return http_reply("error code: 1034", "403 Forbidden"); });
  HttpServer other_host(io, trace_of("elsewhere.test", "203.0.113.1"));
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  HttpServer huge(io, [](const std::string&) { return http_reply(std::string(5000, 'x')); });
  HttpServer good(io, trace_of("127.0.0.1", "198.51.100.7"));
  HttpServer after(io, trace_of("127.0.0.1", "203.0.113.2"));
  const auto closed = "http://127.0.0.1:" + std::to_string(closed_tcp_port(io)) + "/";
  request.timeout = milliseconds{3000};
  ask({"not a url", closed, forbidden.url(), other_host.url(), silent.url(), huge.url(), good.url(), after.url()});
  BOOST_TEST(voice().address.to_string() == "198.51.100.7");
  BOOST_TEST(forbidden.accepted() == 1);
  BOOST_TEST(other_host.accepted() == 1);
  BOOST_TEST(after.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(ipv6_is_asked_by_its_own_addresses) {
  HttpServer server(io, trace_of("trace6.test", "2001:db8::7"), "::1");
  UdpServer resolver(io, loopback_names);
  request.family = Family::v6;
  ask({"http://127.0.0.1/", url(server, "trace6.test")});
  request.resolvers = {resolver.endpoint()};
  BOOST_TEST(voice().address.to_string() == "2001:db8::7");
  ask({"http://127.0.0.1/"});
  BOOST_TEST(error() == "127.0.0.1: it has no IPv6 address");
}

BOOST_AUTO_TEST_CASE(an_answer_of_the_other_family_is_refused) {
  HttpServer server(io, trace_of("127.0.0.1", "2001:db8::7"));
  ask({server.url()});
  BOOST_TEST(error() == "127.0.0.1: it answered with an address of the other family");
}

BOOST_AUTO_TEST_CASE(errors_name_the_host_and_why) {
  HttpServer failing_service(io, [](const std::string&) { return http_reply("", "500 Internal Server Error"); });
  ask({failing_service.url()});
  BOOST_TEST(error() == "127.0.0.1: it answered with status 500");

  UdpServer failing(io, [](const Message& query) { return Messages{answer_to(query, 2)}; });
  ask({"https://a.test/bot-secret"});
  request.resolvers = {failing.endpoint()};
  BOOST_TEST(error() == "a.test: DNS server " + failing.endpoint().to_string() + " said SERVFAIL");

  UdpServer empty(io, [](const Message& query) { return Messages{answer_to(query)}; });
  request.resolvers = {empty.endpoint()};
  BOOST_TEST(error() == "a.test: it has no IPv4 address");
}

BOOST_AUTO_TEST_CASE(without_resolvers_a_name_is_never_asked_elsewhere) {
  ask({"http://localhost/"});
  BOOST_TEST(error() == "localhost: no resolver is known that could be asked for its address");
  BOOST_TEST(sockets == 0);
}

BOOST_AUTO_TEST_CASE(nothing_to_ask_and_wrong_urls_are_errors) {
  BOOST_TEST(error() == "no service is configured");
  ask({"ftp://127.0.0.1/", "http://user:secret@127.0.0.1/"});
  const auto wrong = error();
  BOOST_TEST(!wrong.empty());
  BOOST_TEST(wrong.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_silent_service_ends_at_the_time_out) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  ask({silent.url(), silent.url()});
  request.timeout = milliseconds{80};
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(error().find("no reply within") != std::string::npos);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < milliseconds{2000}));
}

BOOST_AUTO_TEST_CASE(many_silent_services_take_no_longer_than_the_time_out_together) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  ask(std::vector<std::string>(6, silent.url()));
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(error().find("no reply within") != std::string::npos);
  const auto took = std::chrono::steady_clock::now() - begin;
  BOOST_TEST((took >= milliseconds{290}));
  BOOST_TEST((took < milliseconds{600}));
  BOOST_TEST(silent.accepted() >= 2);  // the first one has not taken all the time
}

BOOST_AUTO_TEST_CASE(a_single_service_has_all_the_time) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  ask({silent.url()});
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(error().find("no reply within") != std::string::npos);
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= milliseconds{290}));
}

BOOST_AUTO_TEST_CASE(a_stopped_round_releases_the_namespace_and_asks_no_further_service) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  UdpServer mute(io, [](const Message&) { return Messages{}; });
  request.resolvers = {mute.endpoint()};
  for (const auto& first : {silent.url(), std::string("http://trace.test/")}) {
    const auto held = std::make_shared<int>(0);
    ask({first, silent.url()});
    request.open_socket = [held](int domain, int type, int protocol) -> Result<Fd> {
      ++*held;
      return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    };
    check.run(request, [](const ExitOfFamily&) { BOOST_ERROR("called"); });
    request.open_socket = {};
    while (*held == 0) io.run_one();
    BOOST_TEST(held.use_count() > 1);
    check.stop();
    BOOST_TEST(held.use_count() == 1);
    io.run_for(milliseconds{400});
    BOOST_TEST(*held == 1);
  }
}

BOOST_AUTO_TEST_CASE(of_one_family_only_the_newest_round_is_under_way) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  const auto held = std::make_shared<int>(0);
  auto old = request;
  old.operators = traces({silent.url()});
  old.open_socket = [held](int domain, int type, int protocol) -> Result<Fd> {
    return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  };
  check.run(std::move(old), [](const ExitOfFamily&) { BOOST_ERROR("called"); });
  ask({server.url()});
  BOOST_TEST(voice().address.to_string() == "198.51.100.7");
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_handler_may_stop_the_check_or_begin_anew) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  ask({server.url()});
  std::optional<ExitOfFamily> second;
  check.run(request, [&](const ExitOfFamily& first) {
    BOOST_TEST(first.voices.size() == 1U);
    check.stop();
    check.run(request, [&](const ExitOfFamily& seen) { second = seen; });
  });
  BOOST_REQUIRE(run_until(io, second));
  BOOST_TEST(second->voices.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_opener_that_fails_is_told) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  ask({server.url()});
  request.open_socket = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "no CAP_SYS_ADMIN"); };
  BOOST_TEST(error().find("no CAP_SYS_ADMIN") != std::string::npos);
  BOOST_TEST(server.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(every_run_uses_new_connections) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  ask({server.url()});
  for (int i = 0; i < 3; ++i) BOOST_TEST(run().voices.size() == 1U);
  BOOST_TEST(server.accepted() == 3);
}

BOOST_AUTO_TEST_CASE(a_destroyed_check_calls_nobody) {
  HttpServer server(io, trace_of("trace.test", "198.51.100.7"));
  UdpServer resolver(io, loopback_names);
  ask({url(server, "trace.test")});
  request.resolvers = {resolver.endpoint()};
  {
    ExitCheck gone(io, http, dns);
    gone.run(request, [](const ExitOfFamily&) { BOOST_ERROR("called"); });
    io.poll_one();
  }
  BOOST_TEST(run().voices.size() == 1U);
  BOOST_TEST(server.accepted() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
