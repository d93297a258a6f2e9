// A request that nobody waits for any more.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "netns/clients/http_client.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  asio::io_context io;
  HttpClient client{io};
  HttpServer silent{io, [](const std::string&) { return std::string{}; }};
  std::shared_ptr<int> opener_is_held = std::make_shared<int>(0);

  HttpRequest request() {
    HttpRequest request;
    request.url = silent.url();
    request.open_socket = [held = opener_is_held](int domain, int type, int protocol) -> Result<Fd> {
      ++*held;
      return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    };
    return request;
  }
  HttpClient::RequestId send(HttpRequest request) {
    return client.send(std::move(request), [](const Result<HttpResponse>&) { BOOST_ERROR("called"); });
  }
  /// Runs the loop until the server has `count` requests.
  void run_until_received(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (silent.requests().size() < count && std::chrono::steady_clock::now() < end) io.run_one_for(20ms);
    BOOST_REQUIRE(silent.requests().size() == count);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_cancel, Fixture)

BOOST_AUTO_TEST_CASE(a_cancelled_request_releases_its_opener_at_once_and_calls_nobody) {
  const auto id = send(request());
  run_until_received(1);
  BOOST_TEST(*opener_is_held == 1);
  BOOST_TEST(opener_is_held.use_count() == 2);
  client.cancel(id);
  BOOST_TEST(opener_is_held.use_count() == 1);
  io.run_for(50ms);
}

BOOST_AUTO_TEST_CASE(before_it_has_begun_it_may_be_cancelled_too) {
  const auto id = send(request());
  client.cancel(id);
  io.run_for(50ms);
  BOOST_TEST(opener_is_held.use_count() == 1);
  BOOST_TEST(silent.requests().empty());
}

BOOST_AUTO_TEST_CASE(the_others_go_on) {
  HttpServer good(io, [](const std::string&) { return http_reply("hello"); });
  const auto id = send(request());
  std::optional<Result<HttpResponse>> result;
  auto other = request();
  other.url = good.url();
  client.send(std::move(other), [&](Result<HttpResponse> response) { result = std::move(response); });
  client.cancel(id);
  BOOST_REQUIRE(run_until(io, result));
  BOOST_TEST(result->value().body == "hello");
}

BOOST_AUTO_TEST_CASE(a_request_that_was_refused_at_once_calls_nobody_after_its_end_either) {
  auto wrong = request();
  wrong.url = "no url";
  client.cancel(send(std::move(wrong)));
  io.run_for(20ms);
}

BOOST_AUTO_TEST_CASE(a_request_that_has_ended_or_never_was_is_no_matter) {
  HttpServer good(io, [](const std::string&) { return http_reply("hello"); });
  auto ended = request();
  ended.url = good.url();
  std::optional<Result<HttpResponse>> result;
  const auto id = client.send(std::move(ended), [&](Result<HttpResponse> response) { result = std::move(response); });
  BOOST_REQUIRE(run_until(io, result));
  client.cancel(id);
  client.cancel(0);
  client.cancel(4711);
}

BOOST_AUTO_TEST_CASE(from_inside_a_handler_another_one_may_be_cancelled) {
  HttpServer good(io, [](const std::string&) { return http_reply("hello"); });
  const auto id = send(request());
  auto first = request();
  first.url = good.url();
  std::optional<bool> done;
  client.send(std::move(first), [&](const Result<HttpResponse>&) {
    client.cancel(id);
    done = true;
  });
  BOOST_REQUIRE(run_until(io, done));
  io.run_for(20ms);
  BOOST_TEST(opener_is_held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
