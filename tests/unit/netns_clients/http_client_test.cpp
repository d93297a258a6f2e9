#include "netns/clients/http_client.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "netns/clients/http_headers.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  asio::io_context io;
  HttpClient client{io};

  Result<HttpResponse> send(HttpRequest request) {
    std::optional<Result<HttpResponse>> result;
    client.send(std::move(request), [&](Result<HttpResponse> reply) { result = std::move(reply); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
  Error error_of(HttpRequest request) {
    const auto result = send(std::move(request));
    BOOST_REQUIRE(!result);
    BOOST_TEST_MESSAGE(result.error().message);
    return result.error();
  }
  static HttpRequest get(std::string url) {
    HttpRequest request;
    request.url = std::move(url);
    request.timeout = milliseconds{5000};
    return request;
  }
  static HttpRequest kept(std::string url, std::string channel = "hub") {
    auto request = get(std::move(url));
    request.fresh_connection = false;
    request.channel = std::move(channel);
    return request;
  }
};

std::string hello(const std::string&) { return http_reply("hello"); }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_client, Fixture)

BOOST_AUTO_TEST_CASE(a_reply_comes_with_status_body_and_addresses) {
  HttpServer server(io, hello);
  const auto reply = send(get(server.url("/cdn-cgi/trace"))).value();
  BOOST_TEST(reply.status == 200);
  BOOST_TEST(reply.body == "hello");
  BOOST_TEST(reply.local_address == "127.0.0.1");
  BOOST_TEST(reply.remote_address == "127.0.0.1");
  BOOST_TEST(reply.elapsed.count() > 0);
  BOOST_TEST(!reply.retry_after.has_value());
  const auto& request = server.requests().at(0);
  BOOST_TEST(request.starts_with("GET /cdn-cgi/trace HTTP/1.1\r\n"));
  BOOST_TEST(request.find("User-Agent: vpn-sentinel/" VPN_SENTINEL_VERSION "\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(method_headers_and_body_are_sent_as_they_are) {
  HttpServer server(io, [](const std::string&) { return http_reply("", "204 No Content"); });
  auto request = get(server.url());
  request.method = "PUT";
  request.headers = {{"Content-Type", "application/json"}, {"X-API-Key", "k"}, {"X-Empty", ""}};
  request.body = std::string("{\"a\":\0}", 7) + std::string(100'000, 'x');
  BOOST_TEST(send(request).value().status == 204);
  const auto& sent = server.requests().at(0);
  BOOST_TEST(sent.starts_with("PUT / HTTP/1.1\r\n"));
  BOOST_TEST(sent.find("Content-Type: application/json\r\n") != std::string::npos);
  BOOST_TEST(sent.find("X-Empty:") != std::string::npos);
  BOOST_TEST(sent.find("Expect") == std::string::npos);
  BOOST_TEST(sent.ends_with(request.body));
}

BOOST_AUTO_TEST_CASE(an_empty_post_is_a_post) {
  HttpServer server(io, hello);
  auto request = get(server.url());
  request.method = "POST";
  BOOST_TEST(send(request).has_value());
  BOOST_TEST(server.requests().at(0).find("Content-Length: 0\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(any_status_is_an_answer_and_redirects_are_not_followed) {
  HttpServer server(io, [](const std::string&) {
    return http_reply("slow down", "429 Too Many Requests", "retry-AFTER:  17 \r\nLocation: http://127.0.0.1:1/\r\n");
  });
  const auto reply = send(get(server.url())).value();
  BOOST_TEST(reply.status == 429);
  BOOST_REQUIRE(reply.retry_after.has_value());
  BOOST_TEST(reply.retry_after->count() == 17);
}

BOOST_AUTO_TEST_CASE(retry_after_is_a_number_of_seconds_or_nothing) {
  BOOST_TEST(parse_retry_after(" 120\r\n").value().count() == 120);
  for (const char* value : {"", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999"}) {
    BOOST_TEST(!parse_retry_after(value).has_value(), value);
  }
}

BOOST_AUTO_TEST_CASE(a_reply_over_the_limit_is_an_error) {
  HttpServer server(io, [](const std::string&) { return http_reply(std::string(5000, 'x')); });
  auto request = get(server.url());
  request.most_bytes = 4999;
  BOOST_TEST((error_of(request).kind == Error::Kind::failed));
  request.most_bytes = 5000;
  BOOST_TEST(send(request).value().body.size() == 5000U);
}

BOOST_AUTO_TEST_CASE(headers_without_end_are_an_error) {
  HttpServer server(io, [](const std::string&) {
    std::string reply = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 2000; ++i) reply += "X-Filler: " + std::string(90, 'x') + "\r\n";
    return reply + "\r\n";
  });
  BOOST_TEST((error_of(get(server.url())).kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(a_silent_server_ends_at_the_time_out) {
  HttpServer server(io, [](const std::string&) { return std::string{}; });
  auto request = get(server.url());
  request.timeout = milliseconds{150};
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((error_of(request).kind == Error::Kind::timed_out));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < milliseconds{2000}));
}

BOOST_AUTO_TEST_CASE(a_closed_port_and_a_broken_connection_are_unreachable) {
  BOOST_TEST((error_of(get("http://127.0.0.1:" + std::to_string(closed_tcp_port(io)))).kind == Error::Kind::unreachable));
  HttpServer server(io, [](const std::string&) { return std::string("close"); });
  BOOST_TEST((error_of(get(server.url())).kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(what_is_not_http_is_an_error) {
  HttpServer server(io, [](const std::string&) { return std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"); });
  BOOST_TEST(!send(get(server.url())));
}

BOOST_AUTO_TEST_CASE(the_sockets_come_from_the_opener_and_its_error_is_told) {
  HttpServer server(io, hello);
  int sockets = 0;
  auto request = get(server.url());
  request.open_socket = counting_opener(sockets);
  BOOST_TEST(send(request).has_value());
  BOOST_TEST(sockets == 1);

  request.open_socket = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "no CAP_SYS_ADMIN"); };
  const auto error = error_of(request);
  BOOST_TEST((error.kind == Error::Kind::not_permitted));
  BOOST_TEST(error.message.find("no CAP_SYS_ADMIN") != std::string::npos);

  request.open_socket = [](int, int, int) -> Result<Fd> { throw std::runtime_error("no thread"); };
  BOOST_TEST((error_of(request).kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(a_device_is_bound_or_the_request_fails) {
  HttpServer server(io, hello);
  auto request = get(server.url());
  request.bind_device = "lo";
  BOOST_TEST(send(request).has_value());
  request.bind_device = "no-such-dev0";
  BOOST_TEST((error_of(request).kind == Error::Kind::not_found));
  BOOST_TEST(server.accepted() == 1);
}

BOOST_AUTO_TEST_CASE(wrong_requests_are_refused_before_anything_is_sent) {
  HttpServer server(io, hello);
  for (const char* url : {"", "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://user:secret@127.0.0.1/", "http://a b/"}) {
    BOOST_TEST((error_of(get(url)).kind == Error::Kind::invalid), url);
  }
  auto request = get(server.url());
  request.headers = {{"X-Key", "a\r\nX-Other: b"}};
  BOOST_TEST((error_of(request).kind == Error::Kind::invalid));
  request = get(server.url());
  request.method = "GET / HTTP/1.0\r\n";
  BOOST_TEST((error_of(request).kind == Error::Kind::invalid));
  BOOST_TEST(server.accepted() == 0);
}

BOOST_AUTO_TEST_CASE(messages_never_show_the_path) {
  const auto port = std::to_string(closed_tcp_port(io));
  for (const std::string& url : {"http://127.0.0.1:" + port + "/bot123:secret/send?key=secret", std::string("nothttp://secret/secret"),
                                 std::string("http://[secret/secret")}) {
    BOOST_TEST(error_of(get(url)).message.find("secret") == std::string::npos);
  }
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  auto request = get(silent.url("/bot123:secret/send"));
  request.timeout = milliseconds{50};
  const auto error = error_of(request);
  BOOST_TEST(error.message.starts_with("http://127.0.0.1:"));
  BOOST_TEST(error.message.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_are_resolved_by_the_caller_and_forgotten_afterwards) {
  HttpServer server(io, hello);
  auto request = get("http://trace.test:" + std::to_string(server.port()) + "/");
  request.resolved = {loopback()};
  BOOST_TEST(send(request).value().remote_address == "127.0.0.1");
  BOOST_TEST(server.requests().at(0).find("Host: trace.test:") != std::string::npos);

  // Another address for the same name counts at once: nobody listens there.
  request.resolved = {*IpAddress::parse("127.0.0.2")};
  BOOST_TEST((error_of(request).kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(a_family_is_kept_to) {
  HttpServer server(io, hello, "::1");
  auto request = get("http://trace.test:" + std::to_string(server.port()) + "/");
  request.resolved = {loopback(), loopback(Family::v6)};
  request.family = Family::v6;
  BOOST_TEST(send(request).value().remote_address == "::1");
  request.resolved = {loopback()};
  BOOST_TEST((error_of(request).kind == Error::Kind::unreachable));
  request = get(server.url());
  request.family = Family::v6;
  BOOST_TEST((error_of(request).kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(the_environments_proxy_is_not_used) {
  HttpServer server(io, hello);
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const auto reply = send(get(server.url()));
  ::unsetenv("http_proxy");
  BOOST_TEST(reply.has_value());
}

BOOST_AUTO_TEST_CASE(fresh_requests_connect_anew_each_time) {
  HttpServer server(io, hello);
  for (int i = 0; i < 3; ++i) BOOST_TEST(send(get(server.url())).has_value());
  BOOST_TEST(server.accepted() == 3);
}

BOOST_AUTO_TEST_CASE(a_channel_keeps_its_connection_and_a_fresh_request_stays_off_it) {
  HttpServer server(io, hello);
  for (int i = 0; i < 3; ++i) BOOST_TEST(send(kept(server.url())).has_value());
  BOOST_TEST(server.accepted() == 1);
  BOOST_TEST(send(get(server.url())).has_value());
  BOOST_TEST(server.accepted() == 2);
  BOOST_TEST(send(kept(server.url())).has_value());
  BOOST_TEST(server.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(channels_and_devices_do_not_share_connections) {
  HttpServer server(io, hello);
  int sockets = 0;
  auto first = kept(server.url(), "tunnel:a");
  first.open_socket = counting_opener(sockets);
  auto second = kept(server.url(), "tunnel:b");
  second.open_socket = first.open_socket;
  auto bound = first;
  bound.bind_device = "lo";
  for (const auto& request : {first, second, bound, first, second, bound}) BOOST_TEST(send(request).has_value());
  BOOST_TEST(server.accepted() == 3);
  BOOST_TEST(sockets == 3);
}

BOOST_AUTO_TEST_CASE(an_opener_without_a_named_channel_is_always_fresh) {
  HttpServer server(io, hello);
  int sockets = 0;
  auto request = kept(server.url(), "");
  request.open_socket = counting_opener(sockets);
  for (int i = 0; i < 2; ++i) BOOST_TEST(send(request).has_value());
  BOOST_TEST(server.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(dropped_connections_are_not_used_again) {
  HttpServer server(io, hello);
  BOOST_TEST(send(kept(server.url())).has_value());
  client.drop_connections();
  BOOST_TEST(send(kept(server.url())).has_value());
  BOOST_TEST(server.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(dropping_connections_leaves_a_running_request_alone) {
  HttpServer server(io, [this](const std::string&) {
    client.drop_connections();
    return http_reply("hello");
  });
  BOOST_TEST(send(kept(server.url())).value().body == "hello");
  BOOST_TEST(send(kept(server.url())).has_value());
  BOOST_TEST(server.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(a_kept_connection_that_the_server_closed_is_replaced) {
  HttpServer server(io, hello);
  BOOST_TEST(send(kept(server.url())).has_value());
  server.close_connections();
  BOOST_TEST(send(kept(server.url())).value().body == "hello");
  BOOST_TEST(server.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(many_requests_run_at_once) {
  HttpServer server(io, hello);
  int good = 0;
  std::optional<bool> all;
  for (int i = 0; i < 60; ++i) {
    client.send(i % 2 == 0 ? get(server.url()) : kept(server.url()), [&](const Result<HttpResponse>& reply) {
      if (reply && ++good == 60) all = true;
    });
  }
  BOOST_TEST(run_until(io, all));
}

BOOST_AUTO_TEST_CASE(a_destroyed_client_calls_nobody) {
  HttpServer server(io, hello);
  bool called = false;
  {
    HttpClient gone(io);
    gone.send(get(server.url()), [&](const Result<HttpResponse>&) { called = true; });
    gone.send(kept(server.url()), [&](const Result<HttpResponse>&) { called = true; });
    io.poll_one();  // the two are under way, the third not yet begun
    gone.send(get("bad"), [&](const Result<HttpResponse>&) { called = true; });
  }
  BOOST_TEST(send(get(server.url())).has_value());
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(a_handler_may_send_again_or_destroy_the_client) {
  HttpServer server(io, hello);
  auto own = std::make_unique<HttpClient>(io);
  std::optional<bool> done;
  own->send(get(server.url()), [&](const Result<HttpResponse>&) {
    for (int i = 0; i < 3; ++i) {
      own->send(get(server.url()), [&](const Result<HttpResponse>&) {
        BOOST_TEST(!done.has_value());
        own.reset();
        done = true;
      });
    }
  });
  BOOST_TEST(run_until(io, done));
  BOOST_TEST(send(get(server.url())).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
