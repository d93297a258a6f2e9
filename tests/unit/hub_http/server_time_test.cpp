// Time-outs, answers that come late, and the end of the server.
#include <boost/test/unit_test.hpp>

#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

ListenOptions short_times() {
  ListenOptions options;
  options.header_timeout = 150ms;
  options.body_timeout = 150ms;
  options.idle_timeout = 150ms;
  options.reply_timeout = 200ms;
  return options;
}

constexpr std::string_view echo = "GET /echo HTTP/1.1\r\nHost: hub\r\n\r\n";
constexpr std::string_view later = "GET /later HTTP/1.1\r\nHost: hub\r\n\r\n";

BOOST_AUTO_TEST_SUITE(server_time)

BOOST_AUTO_TEST_CASE(a_peer_that_says_nothing_is_closed_without_a_word) {
  ServerFixture hub(short_times());
  auto client = hub.connect();
  BOOST_TEST(client.read_reply().empty());
}

BOOST_AUTO_TEST_CASE(unfinished_headers_and_bodies_are_answered_with_408) {
  ServerFixture hub(short_times());
  auto headers = hub.connect();
  headers.send("GET /echo HTTP/1.1\r\nHost:");
  auto body = hub.connect();
  body.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\nhalf");
  BOOST_TEST(status_of(headers.read_reply()) == 408);
  BOOST_TEST(status_of(body.read_reply()) == 408);
  BOOST_TEST(headers.closed_within(4s));
}

BOOST_AUTO_TEST_CASE(a_slow_drip_of_headers_does_not_extend_the_time) {
  ServerFixture hub(short_times());
  auto client = hub.connect();
  const auto start = std::chrono::steady_clock::now();
  client.send("GET /echo HTTP/1.1\r\nHost: hub\r\n");
  for (int i = 0; i < 100; ++i) {
    client.send("X: y\r\n");
    if (client.closed_within(10ms)) break;
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < 700ms));
}

BOOST_AUTO_TEST_CASE(a_body_that_drips_gets_hardly_more_time_than_headers) {
  auto options = short_times();
  options.body_timeout = 30s;
  ServerFixture hub(options);
  auto client = hub.connect();
  const auto start = std::chrono::steady_clock::now();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 60000\r\n\r\n");
  for (int i = 0; i < 300; ++i) {
    client.send("x");
    if (client.closed_within(10ms)) break;
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < 2s));
}

BOOST_AUTO_TEST_CASE(a_body_that_comes_on_gets_more_time_than_headers) {
  auto options = short_times();
  options.body_timeout = 30s;
  ServerFixture hub(options);
  auto client = hub.connect();
  constexpr int parts = 10;
  const std::string part(2048, 'x');
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: " + std::to_string(parts * part.size()) + "\r\n\r\n");
  for (int i = 0; i < parts - 1; ++i) {
    client.send(part);
    BOOST_TEST_REQUIRE(!client.closed_within(30ms));
  }
  client.send(part);
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_after_its_reply) {
  ServerFixture hub(short_times());
  auto client = hub.connect();
  client.send(echo);
  BOOST_TEST(status_of(client.read_reply()) == 200);
  BOOST_TEST(client.closed_within(3s));
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_read_its_reply_is_closed_and_gives_its_place_back) {
  auto options = short_times();
  options.max_connections = 1;
  ServerFixture hub(options, 1);
  auto slow = hub.connect();
  slow.shrink_receive_buffer();
  slow.send("GET /big HTTP/1.1\r\nHost: hub\r\n\r\n");
  BOOST_TEST(slow.read_bytes(8).size() == 8);  // the reply has begun
  BOOST_TEST(status_of(hub.connect().read_reply()) == 503);
  BOOST_TEST(eventually([&] {
    auto other = hub.connect();
    other.send(echo);
    return status_of(other.read_reply()) == 200;
  }));
}

BOOST_AUTO_TEST_CASE(a_big_reply_arrives_whole_at_a_peer_that_reads) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("GET /big HTTP/1.1\r\nHost: hub\r\n\r\n");
  BOOST_TEST(body_of(client.read_reply()).size() == 8 * 1024 * 1024);
  client.send(echo);
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(a_route_that_never_answers_is_answered_for_with_503_and_its_late_answer_is_dropped) {
  ServerFixture hub(short_times());
  auto client = hub.connect();
  client.send(later);
  const auto respond = hub.take_waiting();
  BOOST_TEST(status_of(client.read_reply()) == 503);
  respond(Response{200, "text/plain", "too late", {}});
  BOOST_TEST(client.closed_within(4s));
}

BOOST_AUTO_TEST_CASE(an_answer_for_a_peer_that_has_gone_is_dropped) {
  ServerFixture hub;
  Respond respond;
  {
    auto client = hub.connect();
    client.send(later);
    respond = hub.take_waiting();
  }
  respond(Response{200, "text/plain", "nobody hears this", {}});
  auto other = hub.connect();
  other.send(echo);
  BOOST_TEST(status_of(other.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(the_second_of_two_answers_is_dropped) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(later);
  const auto respond = hub.take_waiting();
  respond(Response{200, "text/plain", "one", {}});
  respond(Response{200, "text/plain", "two", {}});
  BOOST_TEST(body_of(client.read_reply()) == "one");
  client.send(echo);
  BOOST_TEST(body_of(client.read_reply()) == "GET /echo   ");
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_after_the_server_is_destroyed) {
  Respond respond;
  ServerFixture hub;
  auto client = hub.connect();
  client.send(later);
  respond = hub.take_waiting();
  std::thread answering([&] {
    std::this_thread::sleep_for(100ms);
    respond(Response{200, "text/plain", "done", {}});
  });
  hub.destroy();
  answering.join();
  // Stopping waits for answers under way, so this one still arrives; one after that goes nowhere.
  BOOST_TEST(body_of(client.read_reply()) == "done");
  respond(Response{200, "text/plain", "nowhere", {}});
  BOOST_TEST(client.closed_within(1s));
}

BOOST_AUTO_TEST_CASE(stop_closes_idle_connections_and_takes_no_new_ones) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(echo);
  BOOST_TEST(status_of(client.read_reply()) == 200);
  const auto start = std::chrono::steady_clock::now();
  hub.stop();
  BOOST_TEST((std::chrono::steady_clock::now() - start < 1s));
  BOOST_TEST(client.closed_within(1s));
  BOOST_CHECK_THROW(hub.connect(), std::exception);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
