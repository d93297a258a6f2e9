// HTTPS and WebSockets over TLS, over real sockets.
#include <openssl/err.h>

#include <boost/test/unit_test.hpp>
#include <deque>

#include "tls_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using std::string;

BOOST_FIXTURE_TEST_SUITE(tls, TlsFixture)

BOOST_AUTO_TEST_CASE(a_connection_serves_one_request_after_another) {
  ServerFixture hub(options());
  auto client = hub.connect();
  BOOST_TEST_REQUIRE(client.start_tls(verifying()));
  for (int i = 0; i < 3; ++i) {
    client.send("POST /echo?a=1 HTTP/1.1\r\nHost: hub\r\nContent-Length: 5\r\n\r\nhello" + get_request("/thread"));
    BOOST_TEST(body_of(client.read_reply()) == "POST /echo a=1 hello ");
    BOOST_TEST(body_of(client.read_reply()) == "GET /thread   ");
  }
}

BOOST_AUTO_TEST_CASE(big_bodies_and_big_replies_arrive_whole) {
  auto big = options();
  big.max_body = 3'000'000;
  ServerFixture hub(big);
  auto client = hub.connect();
  BOOST_TEST_REQUIRE(client.start_tls());
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 2000000\r\n\r\n" + string(2'000'000, 'x'));
  BOOST_TEST(body_of(client.read_reply()).size() == 2'000'000 + string("POST /echo   ").size());
  client.send(get_request("/big"));
  BOOST_TEST(body_of(client.read_reply()).size() == 8 * 1024 * 1024);
  client.send("GET /echo HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
  BOOST_TEST(status_of(client.read_reply()) == 200);
  BOOST_TEST(client.read_bytes(1).empty());
  BOOST_TEST(SSL_get_shutdown(client.tls()) == SSL_RECEIVED_SHUTDOWN);  // said goodbye, was not cut off
}

BOOST_AUTO_TEST_CASE(versions_before_1_2_and_other_protocols_are_refused) {
  ServerFixture hub(options());
  TlsWishes old;
  old.highest_version = TLS1_1_VERSION;
  BOOST_TEST(ask(hub, old) == 0);
  TlsWishes wishes;
  wishes.highest_version = TLS1_2_VERSION;
  BOOST_TEST(ask(hub, wishes) == 200);
  wishes.protocols = "\x02h2";
  BOOST_TEST(ask(hub, wishes) == 0);
  wishes.protocols = "\x02h2\x08http/1.1";
  auto client = hub.connect();
  BOOST_TEST(ask(client, wishes) == 200);
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client.tls(), &chosen, &size);
  BOOST_TEST(string(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
}

BOOST_AUTO_TEST_CASE(a_session_is_resumed_by_its_ticket) {
  ServerFixture hub(options());
  auto first = hub.connect();
  BOOST_TEST(ask(first, verifying()) == 200);
  const std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session(SSL_get1_session(first.tls()), SSL_SESSION_free);
  auto wishes = verifying();
  wishes.session = session.get();
  auto second = hub.connect();
  BOOST_TEST(ask(second, wishes) == 200);
  BOOST_TEST(SSL_session_reused(second.tls()) == 1);
}

BOOST_AUTO_TEST_CASE(renegotiation_is_refused) {
  ServerFixture hub(options());
  TlsWishes wishes;
  wishes.highest_version = TLS1_2_VERSION;
  auto client = hub.connect();
  BOOST_TEST(ask(client, wishes) == 200);
  BOOST_TEST(SSL_renegotiate(client.tls()) == 1);
  BOOST_TEST(SSL_do_handshake(client.tls()) != 1);
  ERR_clear_error();
  BOOST_TEST(ask(hub, {}) == 200);
}

BOOST_AUTO_TEST_CASE(plain_http_at_the_tls_port_is_told_so) {
  ServerFixture hub(options());
  auto client = hub.connect();
  client.send(get_request("/echo"));
  const auto reply = client.read_reply();
  BOOST_TEST(status_of(reply) == 400);
  BOOST_TEST(body_of(reply).find("https://") != string::npos);
  BOOST_TEST(client.closed_within(4s));
}

BOOST_AUTO_TEST_CASE(what_is_neither_tls_nor_http_is_closed) {
  ServerFixture hub(options());
  auto client = hub.connect();
  client.send(string(4096, '\xff'));
  BOOST_TEST(client.closed_within(4s));
}

BOOST_AUTO_TEST_CASE(half_open_handshakes_end_in_time_and_disturb_nobody) {
  auto quick = options();
  quick.handshake_timeout = 1s;
  ServerFixture hub(quick, 1);
  std::deque<RawClient> held;
  for (int i = 0; i < 200; ++i) {
    held.push_back(hub.connect());
    if (i % 2 == 0) held.back().send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));  // the beginning of a ClientHello
  }
  BOOST_TEST(ask(hub, verifying()) == 200);
  for (auto& client : held) BOOST_TEST(client.closed_within(4s));
}

BOOST_AUTO_TEST_CASE(a_drip_of_the_handshake_does_not_extend_its_time) {
  auto quick = options();
  quick.handshake_timeout = 150ms;
  ServerFixture hub(quick);
  auto client = hub.connect();
  client.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    client.send(std::string_view("\0", 1));
    if (client.closed_within(10ms)) break;
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < 1s));
}

BOOST_AUTO_TEST_CASE(time_limits_and_places_are_those_of_plain_connections) {
  auto quick = options();
  quick.idle_timeout = 150ms;
  quick.header_timeout = 150ms;
  quick.reply_timeout = 200ms;
  quick.max_connections = 1;
  ServerFixture hub(quick, 1);
  auto idle = hub.connect();
  BOOST_TEST(ask(idle, {}) == 200);
  BOOST_TEST(ask(hub, {}) == 200);  // the idle one made room
  BOOST_TEST(idle.closed_within(1s));
  auto silent = hub.connect();
  BOOST_TEST(silent.start_tls());
  BOOST_TEST(silent.read_bytes(1).empty());
  auto unfinished = hub.connect();
  BOOST_TEST(ask(unfinished, {}, "GET /echo HTTP/1.1\r\nHost:") == 408);
  unfinished.close();
  BOOST_TEST(eventually([&] { return ask(hub, {}) == 200; }));  // another idle one, which makes room
  auto slow = hub.connect();
  slow.shrink_receive_buffer();
  BOOST_TEST(slow.start_tls());
  slow.send(get_request("/big"));
  BOOST_TEST(slow.read_bytes(8).size() == 8);
  BOOST_TEST(eventually([&] { return ask(hub, {}) == 200; }));
}

BOOST_AUTO_TEST_CASE(an_unfinished_handshake_and_one_without_a_request_make_room_before_those_who_were_served) {
  auto few = options();
  few.max_connections = 3;
  few.unfinished_patience = 20ms;
  ServerFixture hub(few, 1);
  auto served = hub.connect();
  BOOST_TEST(ask(served, {}) == 200);
  auto half = hub.connect();
  half.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));  // the beginning of a ClientHello
  auto silent = hub.connect();
  BOOST_TEST(silent.start_tls());
  BOOST_TEST(!half.closed_within(60ms));
  auto first = hub.connect();
  BOOST_TEST(ask(first, {}) == 200);
  BOOST_TEST(half.closed_within(1s));
  auto second = hub.connect();
  BOOST_TEST(ask(second, {}) == 200);
  BOOST_TEST(silent.read_bytes(1).empty());
  served.send(get_request("/echo"));
  BOOST_TEST(status_of(served.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(a_websocket_carries_small_and_big_messages) {
  ServerFixture hub(options());
  auto client = hub.connect();
  const string upgrade =
      "GET /live HTTP/1.1\r\nHost: hub\r\nOrigin: https://hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  BOOST_TEST(ask(client, verifying(), upgrade) == 101);
  const auto channel = hub.take_channel();
  BOOST_TEST(channel->send(std::make_shared<const string>("hello")));
  BOOST_TEST(client.read_bytes(7) == "\x81\x05hello");
  BOOST_TEST(channel->send(std::make_shared<const string>(3'000'000, 'x')));
  BOOST_TEST(client.read_bytes(10 + 3'000'000).size() == 3'000'010);
  client.send(std::string_view("\x89\x80\0\0\0\0", 6));  // a ping
  BOOST_TEST(client.read_bytes(2) == std::string_view("\x8a\0", 2));
  client.send(std::string_view("\x88\x80\0\0\0\0", 6));  // goodbye
  BOOST_TEST(client.read_bytes(2).substr(0, 1) == "\x88");
  BOOST_TEST(client.closed_within(2s));
  BOOST_TEST(eventually([&] { return hub.subscription_gone(); }));
}

BOOST_AUTO_TEST_CASE(a_websocket_peer_that_does_not_read_is_cut_off) {
  auto few = options();
  few.max_pending_bytes = 100'000;
  ServerFixture hub(few);
  auto client = hub.connect();
  client.shrink_receive_buffer();
  BOOST_TEST(ask(client, {},
                 "GET /live HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n") == 101);
  const auto channel = hub.take_channel();
  const auto message = std::make_shared<const string>(50'000, 'x');
  BOOST_TEST(eventually([&] { return !channel->send(message); }));
  BOOST_TEST(eventually([&] { return hub.subscription_gone(); }));
}

BOOST_AUTO_TEST_CASE(a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on_under_load) {
  ServerFixture hub(options());
  auto old = hub.connect();
  BOOST_TEST(ask(old, verifying()) == 200);
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 2; ++i) {
    load.emplace_back([&] {
      while (!stop) ++(ask(hub, verifying()) == 200 ? answered : failed);
    });
  }
  make("next", "/CN=localhost", "-days 60");
  copy("next.pem", "server.pem");
  BOOST_TEST(!credentials->reload().has_value());  // the key is missing yet
  copy("next.key", "server.key");
  for (int i = 0; i < 50; ++i) BOOST_TEST(credentials->reload().has_value());
  BOOST_TEST(eventually([&] { return answered > 20; }));
  stop = true;
  for (auto& thread : load) thread.join();
  BOOST_TEST(failed == 0);
  old.send(get_request("/echo"));
  BOOST_TEST(status_of(old.read_reply()) == 200);
  const auto shown = [](const RawClient& client) {
    return string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(X509_get0_notAfter(SSL_get0_peer_certificate(client.tls())))));
  };
  auto fresh = hub.connect();
  BOOST_TEST(ask(fresh, verifying()) == 200);
  BOOST_TEST(shown(fresh) != shown(old));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
