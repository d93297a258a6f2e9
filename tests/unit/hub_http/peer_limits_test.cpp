// What one peer may take of the server: bytes and time.
#include <boost/test/unit_test.hpp>
#include <deque>

#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using std::string;

BOOST_AUTO_TEST_SUITE(peer_limits)

BOOST_AUTO_TEST_CASE(a_hundred_headers_are_taken_and_more_are_not) {
  ServerFixture hub;
  const auto with_headers = [](int count) {
    string request = "GET /echo HTTP/1.1\r\nHost: hub\r\n";
    for (int i = 1; i < count; ++i) request += "X: y\r\n";
    return request + "\r\n";
  };
  auto client = hub.connect();
  client.send(with_headers(100));
  BOOST_TEST(status_of(client.read_reply()) == 200);
  client.send(with_headers(101));
  BOOST_TEST(status_of(client.read_reply()) == 431);
  auto trailers = hub.connect();
  string chunked = "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 100; ++i) chunked += "X: y\r\n";
  trailers.send(chunked + "\r\n");
  BOOST_TEST(status_of(trailers.read_reply()) == 431);
}

BOOST_AUTO_TEST_CASE(a_slow_drip_of_a_body_does_not_extend_the_time) {
  ListenOptions options;
  options.body_timeout = 150ms;
  ServerFixture hub(options);
  auto client = hub.connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n\r\n");
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    client.send("x");
    if (client.closed_within(10ms)) break;
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < 1s));
}

BOOST_AUTO_TEST_CASE(unfinished_bodies_hold_no_more_memory_than_allowed) {
  ListenOptions options;
  options.max_waiting_body_bytes = 50'000;
  ServerFixture hub(options, 1);
  const string head = "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 30001\r\n\r\n";
  auto first = hub.connect();
  first.send(head + string(30'000, 'x'));
  auto small = hub.connect();
  small.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 5\r\n\r\nsmall");
  BOOST_TEST(body_of(small.read_reply()) == "POST /echo  small ");  // what came before it has been counted
  auto second = hub.connect();
  second.send(head + string(30'000, 'x'));
  const auto refused = second.read_reply();
  BOOST_TEST(status_of(refused) == 503);
  BOOST_TEST(!header_of(refused, "Retry-After").empty());
  first.send("x");
  BOOST_TEST(status_of(first.read_reply()) == 200);
  auto third = hub.connect();
  third.send(head + string(30'000, 'x'));
  small.send(get_request("/echo"));
  BOOST_TEST(status_of(small.read_reply()) == 200);
  third.send("x");
  BOOST_TEST(status_of(third.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(a_peer_that_reads_a_reply_drop_by_drop_is_cut_off) {
  ListenOptions options;
  options.reply_timeout = 200ms;
  options.slowest_reader = 1024 * 1024 * 1024;
  ServerFixture hub(options);
  auto client = hub.connect();
  client.shrink_receive_buffer();
  client.send(get_request("/big"));
  const auto start = std::chrono::steady_clock::now();
  std::size_t taken = 0;
  for (std::size_t count = 1; count > 0;) {
    count = client.read_bytes(2048).size();  // there is always some progress
    taken += count;
    std::this_thread::sleep_for(1ms);
    if (std::chrono::steady_clock::now() - start > 5s) break;
  }
  BOOST_TEST(taken < 8U * 1024 * 1024);
  BOOST_TEST((std::chrono::steady_clock::now() - start < 3s));
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_not_read_while_one_is_answered) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(get_request("/later"));
  const auto answer = hub.take_waiting();
  const auto sent = client.send_until_blocked(get_request("/echo"), 64 * 1024 * 1024);
  BOOST_TEST(sent < 64U * 1024 * 1024);  // the kernel's buffers are full: the server takes no more
  answer(Response{200, "text/plain", "first", {}});
  BOOST_TEST(body_of(client.read_reply()) == "first");
  BOOST_TEST(body_of(client.read_reply()) == "GET /echo   ");
}

BOOST_AUTO_TEST_CASE(a_thousand_idle_and_a_hundred_dripping_connections_disturb_nobody) {
  ListenOptions options;
  ServerFixture hub(options, 1);
  std::deque<RawClient> held;
  for (int i = 0; i < 1000; ++i) {
    held.push_back(hub.connect());
    held.back().send(get_request("/echo"));
  }
  for (auto& client : held) BOOST_TEST_REQUIRE(status_of(client.read_reply()) == 200);
  for (int i = 0; i < 100; ++i) {
    held.push_back(hub.connect());
    held.back().send("GET /echo HTTP/1.1\r\nHost:");
  }
  auto client = hub.connect();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    client.send(get_request("/echo"));
    BOOST_TEST_REQUIRE(status_of(client.read_reply()) == 200);
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < 2s));
  for (std::size_t i = 0; i < 1000; i += 99) {
    held[i].send(get_request("/echo"));
    BOOST_TEST(status_of(held[i].read_reply()) == 200);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
