#include "hub/http/server.hpp"

#include <boost/test/unit_test.hpp>

#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using std::string;

string post(std::string_view path, std::string_view body) {
  return "POST " + string(path) + " HTTP/1.1\r\nHost: hub\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + string(body);
}

BOOST_AUTO_TEST_SUITE(server)

BOOST_AUTO_TEST_CASE(a_connection_serves_one_request_after_another) {
  ServerFixture hub;
  auto client = hub.connect();
  for (int i = 0; i < 3; ++i) {
    client.send(post("/echo?a=1", "hello"));
    const auto reply = client.read_reply();
    BOOST_TEST(status_of(reply) == 200);
    BOOST_TEST(body_of(reply) == "POST /echo a=1 hello ");
    BOOST_TEST(header_of(reply, "Connection").empty());
  }
}

BOOST_AUTO_TEST_CASE(every_reply_carries_the_security_headers) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(get_request("/echo"));
  const auto reply = client.read_reply();
  BOOST_TEST(header_of(reply, "X-Content-Type-Options") == "nosniff");
  BOOST_TEST(header_of(reply, "Referrer-Policy") == "no-referrer");
  BOOST_TEST(header_of(reply, "Cache-Control") == "no-store");
  BOOST_TEST(!header_of(reply, "Date").empty());
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order_also_when_the_first_takes_longer) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(get_request("/later") + post("/echo", "second") + get_request("/thread") + get_request("/echo?n=4"));
  hub.take_waiting()(Response{200, "text/plain", "first", {}});
  BOOST_TEST(body_of(client.read_reply()) == "first");
  BOOST_TEST(body_of(client.read_reply()) == "POST /echo  second ");
  BOOST_TEST(body_of(client.read_reply()) == "GET /thread   ");
  BOOST_TEST(body_of(client.read_reply()) == "GET /echo n=4  ");
}

BOOST_AUTO_TEST_CASE(a_request_may_arrive_byte_by_byte) {
  ServerFixture hub;
  auto client = hub.connect();
  for (const char byte : post("/echo", "slow")) {
    client.send({&byte, 1});
    std::this_thread::sleep_for(1ms);
  }
  BOOST_TEST(body_of(client.read_reply()) == "POST /echo  slow ");
}

BOOST_AUTO_TEST_CASE(a_chunked_body_is_put_together) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  std::this_thread::sleep_for(20ms);
  client.send("2\r\nde\r\n0\r\n\r\n");
  BOOST_TEST(body_of(client.read_reply()) == "POST /echo  abcde ");
}

BOOST_AUTO_TEST_CASE(head_is_get_without_the_body) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("HEAD /echo HTTP/1.1\r\nHost: hub\r\n\r\n");
  const auto reply = client.read_reply(false);
  BOOST_TEST(status_of(reply) == 200);
  BOOST_TEST(header_of(reply, "Content-Length") == "12");  // of "GET /echo   "
  client.send(get_request("/echo"));
  BOOST_TEST(body_of(client.read_reply()) == "GET /echo   ");
}

BOOST_AUTO_TEST_CASE(http_1_0_is_closed_after_the_reply_unless_it_asks_to_stay) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  BOOST_TEST(header_of(client.read_reply(), "Connection") == "keep-alive");
  client.send("GET /echo HTTP/1.0\r\n\r\n");
  BOOST_TEST(header_of(client.read_reply(), "Connection") == "close");
  BOOST_TEST(client.closed_within(1s));
}

BOOST_AUTO_TEST_CASE(connection_close_is_honoured) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("GET /echo HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
  BOOST_TEST(status_of(client.read_reply()) == 200);
  BOOST_TEST(client.closed_within(1s));
}

BOOST_AUTO_TEST_CASE(expect_100_continue_is_answered_before_the_body) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  BOOST_TEST(status_of(client.read_reply()) == 100);
  client.send("body");
  BOOST_TEST(body_of(client.read_reply()) == "POST /echo  body ");
}

BOOST_AUTO_TEST_CASE(leading_slashes_are_collapsed) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(get_request("//api/v1/keepalive"));
  BOOST_TEST(body_of(client.read_reply()) == "GET /api/v1/keepalive   ");
}

struct BadRequest {
  const char* what;
  string bytes;
  int status;
};

BOOST_AUTO_TEST_CASE(what_is_no_request_is_refused_with_the_right_status_and_closed) {
  ListenOptions options;
  options.max_body = 100;
  ServerFixture hub(options);
  const std::vector<BadRequest> table{
      {"no HTTP at all", "hello\r\n\r\n", 400},
      {"TLS to a plain port", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03 \r\n\r\n", 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"a Host with a path", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", 400},
      {"a target that is no path", "GET echo HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a length that is no number", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400},
      {"a length and chunks (smuggling)", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"chunks and a length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"long headers", "GET / HTTP/1.1\r\nHost: a\r\nX: " + string(20'000, 'x') + "\r\n\r\n", 431},
      {"a long body", post("/echo", string(101, 'x')), 413},
      {"a long body that asks first", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n", 413},
      {"long chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + string(101, 'x') + "\r\n0\r\n\r\n", 413},
      {"an endless chunk header", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + string(40'000, 'x'), 431},
  };
  for (const auto& row : table) {
    BOOST_TEST_CONTEXT(row.what) {
      auto client = hub.connect();
      client.send(row.bytes);
      const auto reply = client.read_reply();
      BOOST_TEST(status_of(reply) == row.status);
      BOOST_TEST(header_of(reply, "Connection") == "close");
      BOOST_TEST(client.closed_within(4s));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_route_that_throws_answers_500_and_tells_nothing) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(get_request("/throw"));
  const auto reply = client.read_reply();
  BOOST_TEST(status_of(reply) == 500);
  BOOST_TEST(body_of(reply) == "{\"error\":\"Internal server error\"}\n");
  client.send(get_request("/echo"));
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(a_port_that_is_in_use_is_refused_with_address_and_reason) {
  ServerFixture hub;
  auto second = Server::make(1);
  const auto result = second->listen({.endpoints = {hub.endpoint()}}, {});
  BOOST_TEST_REQUIRE(!result.has_value());
  BOOST_TEST(result.error().message.find(hub.endpoint().to_string()) != string::npos);
  BOOST_TEST(result.error().message.find("in use") != string::npos);
}

BOOST_AUTO_TEST_CASE(an_address_of_another_machine_is_refused) {
  auto server = Server::make(1);
  const auto result = server->listen({.endpoints = {Endpoint{IpAddress::v4({192, 0, 2, 1}), 0}}}, {});
  BOOST_TEST_REQUIRE(!result.has_value());
  BOOST_TEST(result.error().message.find("does not have that address") != string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
