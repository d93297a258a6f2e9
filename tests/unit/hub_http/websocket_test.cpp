#include <boost/asio/connect.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/test/unit_test.hpp>

#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

constexpr std::string_view upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

std::string handshake(std::string_view path, std::string_view more = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: hub:80\r\n" + std::string(upgrade) + std::string(more) + "\r\n";
}

/// A real WebSocket client, blocking.
class WebSocketClient {
 public:
  explicit WebSocketClient(const Endpoint& server) {
    stream_.next_layer().connect({asio::ip::make_address(server.address.to_string()), server.port});
    stream_.handshake("hub:80", "/live");
  }

  std::string read() {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    stream_.read(buffer, error);
    if (error) return "closed";
    return {static_cast<const char*>(buffer.data().data()), buffer.size()};
  }
  void write(std::string_view text) {
    boost::system::error_code ignored;
    stream_.write(asio::buffer(text.data(), text.size()), ignored);
  }
  unsigned close_code() { return stream_.reason().code; }
  void shrink_receive_buffer() { stream_.next_layer().set_option(asio::socket_base::receive_buffer_size(4096)); }

 private:
  asio::io_context io_;
  websocket::stream<asio::ip::tcp::socket> stream_{io_};
};

std::shared_ptr<const std::string> text(std::string words) { return std::make_shared<const std::string>(std::move(words)); }

BOOST_AUTO_TEST_SUITE(websocket_channel)

BOOST_AUTO_TEST_CASE(messages_arrive_in_order) {
  ServerFixture hub;
  WebSocketClient client(hub.endpoint());
  const auto channel = hub.take_channel();
  for (int i = 0; i < 100; ++i) BOOST_TEST(channel->send(text(std::to_string(i))));
  for (int i = 0; i < 100; ++i) BOOST_TEST(client.read() == std::to_string(i));
}

BOOST_AUTO_TEST_CASE(a_big_message_arrives_whole) {
  ServerFixture hub;
  WebSocketClient client(hub.endpoint());
  const auto channel = hub.take_channel();
  BOOST_TEST(channel->send(text(std::string(3'000'000, 'x'))));
  BOOST_TEST(client.read().size() == 3'000'000);
}

BOOST_AUTO_TEST_CASE(a_page_of_another_site_is_refused) {
  ServerFixture hub;
  for (const std::string origin : {"http://evil.example", "http://hub:81", "null"}) {
    auto client = hub.connect();
    client.send(handshake("/live", "Origin: " + origin + "\r\n"));
    BOOST_TEST(status_of(client.read_reply()) == 403);
  }
  auto same = hub.connect();
  same.send(handshake("/live", "Origin: http://HUB:80\r\n"));
  BOOST_TEST(status_of(same.read_reply()) == 101);
}

BOOST_AUTO_TEST_CASE(the_route_decides_about_the_path) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send(handshake("/elsewhere"));
  BOOST_TEST(status_of(client.read_reply()) == 404);
}

BOOST_AUTO_TEST_CASE(a_version_that_nobody_speaks_is_refused) {
  ServerFixture hub;
  auto client = hub.connect();
  client.send("GET /live HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1\r\n\r\n");
  const auto reply = client.read_reply();
  BOOST_TEST(status_of(reply) >= 400);
}

BOOST_AUTO_TEST_CASE(what_the_peer_says_is_ignored_but_may_not_be_long) {
  ServerFixture hub;
  WebSocketClient client(hub.endpoint());
  const auto channel = hub.take_channel();
  client.write("hello");
  BOOST_TEST(channel->send(text("still here")));
  BOOST_TEST(client.read() == "still here");
  client.write(std::string(2000, 'x'));
  BOOST_TEST(client.read() == "closed");
  BOOST_TEST(client.close_code() == 1009U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_read_is_cut_off_at_the_bound) {
  ListenOptions options;
  options.max_pending = 16;
  ServerFixture hub(options);
  WebSocketClient client(hub.endpoint());
  client.shrink_receive_buffer();
  auto channel = hub.take_channel();
  const auto message = text(std::string(100'000, 'x'));
  int sent = 0;
  while (sent < 10'000 && channel->send(message)) {
    ++sent;
    std::this_thread::sleep_for(100us);
  }
  BOOST_TEST(sent < 10'000);
  BOOST_TEST(!channel->send(message));
  channel.reset();
  BOOST_TEST(eventually([&] { return hub.subscription_gone(); }));
}

BOOST_AUTO_TEST_CASE(what_the_route_returned_lives_until_the_peer_leaves) {
  ServerFixture hub;
  std::shared_ptr<LiveChannel> channel;
  {
    WebSocketClient client(hub.endpoint());
    channel = hub.take_channel();
    BOOST_TEST(!hub.subscription_gone());
  }
  BOOST_TEST(eventually([&] { return hub.subscription_gone(); }));
  BOOST_TEST(!channel->send(text("to nobody")));
}

BOOST_AUTO_TEST_CASE(stop_closes_with_going_away) {
  ServerFixture hub;
  WebSocketClient client(hub.endpoint());
  const auto channel = hub.take_channel();
  std::thread stopping([&] { hub.stop(); });
  BOOST_TEST(client.read() == "closed");
  stopping.join();
  BOOST_TEST(client.close_code() == 1001U);
  BOOST_TEST(!channel->send(text("after the end")));
  BOOST_TEST(hub.subscription_gone());
}

BOOST_AUTO_TEST_CASE(a_channel_may_outlive_the_server) {
  std::shared_ptr<LiveChannel> channel;
  {
    ServerFixture hub;
    WebSocketClient client(hub.endpoint());
    channel = hub.take_channel();
    BOOST_TEST(channel->send(text("hello")));
  }
  BOOST_TEST(!channel->send(text("to nobody")));
}

BOOST_AUTO_TEST_CASE(stop_does_not_wait_for_a_peer_that_is_silent) {
  ServerFixture hub;
  WebSocketClient client(hub.endpoint());
  const auto channel = hub.take_channel();
  const auto start = std::chrono::steady_clock::now();
  hub.stop();
  BOOST_TEST((std::chrono::steady_clock::now() - start < 5s));
  BOOST_TEST(hub.subscription_gone());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
