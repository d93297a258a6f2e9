#include "probe/checks/exit_check.hpp"

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
    request.timeout = milliseconds{3000};
    request.attempt_timeout = milliseconds{300};
  }
  ExitResult run() {
    std::optional<ExitResult> result;
    check.run(request, [&](ExitResult exit) { result = std::move(exit); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    if (!result->v4) BOOST_TEST_MESSAGE(result->v4.error().message);
    return *result;
  }
  static std::string url(const HttpServer& server, const std::string& host) {
    return "http://" + host + ":" + std::to_string(server.port()) + "/cdn-cgi/trace";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exit_check, Fixture)

BOOST_AUTO_TEST_CASE(a_literal_host_needs_no_resolver) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  request.urls = {server.url("/cdn-cgi/trace")};
  const auto exit = run();
  BOOST_TEST(exit.v4.value().ip.to_string() == "198.51.100.7");
  BOOST_TEST(exit.v4.value().country == "RO");
  BOOST_TEST(!exit.v6.has_value());
  BOOST_TEST(exit.source == "127.0.0.1");
  BOOST_TEST(sockets == 1);
}

BOOST_AUTO_TEST_CASE(a_name_is_resolved_by_the_resolvers_in_their_order) {
  HttpServer server(io, trace_of("trace.test", "198.51.100.7"));
  UdpServer refusing(io, [](const Message& query) { return Messages{answer_to(query, 5)}; });
  UdpServer resolver(io, loopback_names);
  UdpServer unused(io, loopback_names);
  request.urls = {url(server, "trace.test")};
  request.resolvers = {{loopback(), closed_udp_port(io)}, refusing.endpoint(), resolver.endpoint(), unused.endpoint()};
  const auto exit = run();
  BOOST_TEST(exit.v4.value().ip.to_string() == "198.51.100.7");
  BOOST_TEST(exit.source == "trace.test");
  BOOST_TEST(refusing.queries() == 1);
  BOOST_TEST(unused.queries() == 0);
  BOOST_TEST(sockets == 4);  // three questions and one connection, all from the namespace
}

BOOST_AUTO_TEST_CASE(each_url_is_tried_until_one_answers) {
  HttpServer forbidden(io, [](const std::string&) { return http_reply("error code: 1034", "403 Forbidden"); });
  HttpServer other_host(io, trace_of("elsewhere.test", "203.0.113.1"));
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  HttpServer huge(io, [](const std::string&) { return http_reply(std::string(5000, 'x')); });
  HttpServer good(io, trace_of("127.0.0.1", "198.51.100.7"));
  HttpServer after(io, trace_of("127.0.0.1", "203.0.113.2"));
  request.urls = {"not a url",     "http://127.0.0.1:" + std::to_string(closed_tcp_port(io)) + "/",
                  forbidden.url(), other_host.url(),
                  silent.url(),    huge.url(),
                  good.url(),      after.url()};
  BOOST_TEST(run().v4.value().ip.to_string() == "198.51.100.7");
  BOOST_TEST(forbidden.accepted() == 1);
  BOOST_TEST(other_host.accepted() == 1);
  BOOST_TEST(after.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(both_families_are_asked_on_their_own) {
  HttpServer v4(io, trace_of("trace.test", "198.51.100.7"));
  HttpServer v6(io, trace_of("trace6.test", "2001:db8::7"), "::1");
  UdpServer resolver(io, loopback_names);
  request.urls = {url(v4, "trace.test"), url(v6, "trace6.test")};
  request.resolvers = {resolver.endpoint()};
  request.want_v6 = true;
  const auto exit = run();
  BOOST_TEST(exit.v4.value().ip.to_string() == "198.51.100.7");
  BOOST_REQUIRE(exit.v6.has_value());
  BOOST_TEST(exit.v6->value().ip.to_string() == "2001:db8::7");
  BOOST_TEST(exit.source == "trace.test");
}

BOOST_AUTO_TEST_CASE(a_family_without_addresses_is_an_error_of_that_family_only) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  request.urls = {server.url()};
  request.want_v6 = true;
  const auto exit = run();
  BOOST_TEST(exit.v4.has_value());
  BOOST_REQUIRE(exit.v6.has_value());
  BOOST_TEST((exit.v6->error().kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(an_answer_of_the_other_family_is_refused) {
  HttpServer server(io, trace_of("127.0.0.1", "2001:db8::7"));
  request.urls = {server.url()};
  BOOST_TEST((run().v4.error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_failure_names_every_host_that_was_tried) {
  HttpServer forbidden(io, [](const std::string&) { return http_reply("error code: 1034", "403 Forbidden"); });
  UdpServer refusing(io, [](const Message& query) { return Messages{answer_to(query, 2)}; });
  request.urls = {forbidden.url(), "https://a.test/"};
  request.resolvers = {refusing.endpoint()};
  const auto exit = run();
  BOOST_REQUIRE(!exit.v4);
  BOOST_TEST(exit.v4.error().message.find("127.0.0.1: HTTP status 403") != std::string::npos);
  BOOST_TEST(exit.v4.error().message.find("a.test: DNS server " + refusing.endpoint().to_string() + " said SERVFAIL") != std::string::npos);
  BOOST_TEST(exit.source.empty());
}

BOOST_AUTO_TEST_CASE(without_resolvers_a_name_is_never_asked_elsewhere) {
  request.urls = {"http://localhost/"};
  BOOST_TEST((run().v4.error().kind == Error::Kind::unavailable));
  BOOST_TEST(sockets == 0);
  request.urls = {};
  BOOST_TEST((run().v4.error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(the_whole_check_has_a_deadline) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  request.urls = std::vector<std::string>(100, silent.url());
  request.timeout = milliseconds{250};
  request.attempt_timeout = milliseconds{100};
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((run().v4.error().kind == Error::Kind::timed_out));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < milliseconds{2000}));
}

BOOST_AUTO_TEST_CASE(an_opener_that_fails_is_told) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  request.urls = {server.url()};
  request.open_socket = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "no CAP_SYS_ADMIN"); };
  BOOST_TEST((run().v4.error().kind == Error::Kind::not_permitted));
  BOOST_TEST(server.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(every_run_uses_new_connections) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  request.urls = {server.url()};
  for (int i = 0; i < 3; ++i) BOOST_TEST(run().v4.has_value());
  BOOST_TEST(server.accepted() == 3);
}

BOOST_AUTO_TEST_CASE(a_destroyed_check_calls_nobody) {
  HttpServer server(io, trace_of("127.0.0.1", "198.51.100.7"));
  request.urls = {server.url()};
  {
    ExitCheck gone(io, http, dns);
    gone.run(request, [](const ExitResult&) { BOOST_ERROR("called"); });
    io.poll_one();
  }
  BOOST_TEST(run().v4.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
