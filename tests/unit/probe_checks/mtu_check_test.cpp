#include "probe/checks/mtu_check.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <utility>

#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"
#include "tests/unit/netns_clients/loopback_dns.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// Takes connections and is silent: what a client sees whose TLS handshake never comes back.
struct SilentHost {
  explicit SilentHost(asio::io_context& io, const char* address) : acceptor(io, {asio::ip::make_address(address), 0}) {}
  [[nodiscard]] std::string url() const {
    const auto at = acceptor.local_endpoint();
    return "https://" + at.address().to_string() + ":" + std::to_string(at.port()) + "/";
  }
  asio::ip::tcp::acceptor acceptor;  // the kernel takes the connection
};

bool is_large(const std::string& request) { return request.size() > 4000; }

struct Fixture {
  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  MtuCheck check{io, http, dns};
  LoopbackDns names{io};
  MtuRequest request;
  int sockets = 0;

  Fixture() {
    request.open_socket = counting_opener(sockets);
    request.resolvers = {names.endpoint()};
    request.patience = std::chrono::milliseconds{150};
  }
  Result<MtuAnswer> ask(std::vector<std::string> urls) {
    request.urls = std::move(urls);
    std::optional<Result<MtuAnswer>> result;
    check.run(request, [&](Result<MtuAnswer> answer) { result = std::move(answer); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mtu_check, Fixture)

BOOST_AUTO_TEST_CASE(a_large_request_that_is_answered_in_any_way_is_fine) {
  HttpServer good(io, [](const std::string&) { return http_reply("ip=198.51.100.7"); });
  BOOST_TEST((ask({good.url()}).value().result == MtuAnswer::Result::fine));
  BOOST_TEST(is_large(good.requests().at(0)));
  HttpServer strict(io, [](const std::string&) { return http_reply("", "431 Request Header Fields Too Large"); });
  BOOST_TEST((ask({strict.url()}).value().result == MtuAnswer::Result::fine));
}

BOOST_AUTO_TEST_CASE(a_service_that_answers_small_requests_only_shows_a_black_hole_at_the_second_try) {
  int large = 0;
  HttpServer server(io, [&](const std::string& got) { return is_large(got) ? (++large, "") : http_reply("x"); });
  const auto answer = ask({server.url()}).value();
  BOOST_TEST((answer.result == MtuAnswer::Result::large_requests_lost));
  BOOST_TEST(answer.host == "127.0.0.1");
  BOOST_TEST(large == 2);
}

BOOST_AUTO_TEST_CASE(a_service_that_failed_once_shows_nothing) {
  int large = 0;
  HttpServer server(io, [&](const std::string& got) { return is_large(got) && large++ == 0 ? "" : http_reply("x"); });
  BOOST_TEST((ask({server.url()}).value().result == MtuAnswer::Result::fine));
}

BOOST_AUTO_TEST_CASE(a_service_that_answers_nothing_says_nothing_and_the_next_one_is_asked) {
  HttpServer silent(io, [](const std::string&) { return std::string(); });
  HttpServer good(io, [](const std::string&) { return http_reply("x"); });
  const auto closed = "http://127.0.0.1:" + std::to_string(closed_tcp_port(io)) + "/";
  BOOST_TEST((ask({closed, silent.url(), good.url()}).value().result == MtuAnswer::Result::fine));
  BOOST_TEST((ask({silent.url()}).error().kind == Error::Kind::timed_out));
  BOOST_TEST((ask({}).error().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(two_hosts_whose_tls_never_answers_show_that_large_answers_are_lost) {
  const SilentHost one(io, "127.0.0.1");
  const SilentHost other(io, "127.0.0.2");
  BOOST_TEST((ask({one.url(), other.url()}).value().result == MtuAnswer::Result::large_answers_lost));
  const auto alone = ask({one.url(), one.url()});
  BOOST_REQUIRE(!alone);
  BOOST_TEST(alone.error().message.find("TLS") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_are_looked_up_inside_the_namespace) {
  HttpServer good(io, [](const std::string&) { return http_reply("x"); });
  names.names["trace.test"] = {loopback()};
  BOOST_TEST((ask({"http://trace.test:" + std::to_string(good.port()) + "/"}).value().result == MtuAnswer::Result::fine));
  BOOST_TEST(sockets == 2);
}

BOOST_AUTO_TEST_CASE(a_stopped_check_tells_nobody) {
  HttpServer silent(io, [](const std::string&) { return std::string(); });
  request.urls = {silent.url()};
  check.run(request, [](const Result<MtuAnswer>&) { BOOST_ERROR("called"); });
  while (silent.requests().empty()) io.run_one();
  check.stop();
  HttpServer good(io, [](const std::string&) { return http_reply("x"); });
  BOOST_TEST(ask({good.url()}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
