// Clients of ports as a real kernel tells them, and what is said where it does not.
#include "probe/serving/serving_watch.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "netns/monitor/monitor.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

constexpr ListenPort udp{IPPROTO_UDP, 51820};
constexpr ListenPort tcp{IPPROTO_TCP, 1194};

Fd socket_at(const SocketOpener& opener, int type, const char* text) {
  auto made = opener(AF_INET, type, 0);
  BOOST_REQUIRE(made.has_value());
  sockaddr_storage address{};
  const auto length = Endpoint::parse(text, 0).value().to_sockaddr(address);
  BOOST_REQUIRE_EQUAL(::bind(made->get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  return std::move(*made);
}

void send_to(const Fd& socket, const char* text) {
  sockaddr_storage address{};
  const auto length = Endpoint::parse(text, 0).value().to_sockaddr(address);
  BOOST_REQUIRE_EQUAL(::sendto(socket.get(), "hello", 5, 0, reinterpret_cast<const sockaddr*>(&address), length), 5);
}

/// A namespace in which a server of both protocols waits at 198.51.100.2.
struct Server {
  Server() {
    space.run("ip link set lo up; ip addr add 198.51.100.2/32 dev lo; ip addr add 203.0.113.7/32 dev lo");
    listener = socket_at(space.opener(), SOCK_STREAM, "198.51.100.2:1194");
    BOOST_REQUIRE_EQUAL(::listen(listener.get(), 5), 0);
    waiting = socket_at(space.opener(), SOCK_DGRAM, "198.51.100.2:51820");
  }
  [[nodiscard]] std::vector<PortLook> look(PortLooker& looker) const {
    const auto snapshot = take_snapshot(space.opener());
    BOOST_REQUIRE(snapshot.has_value());
    TunnelPrograms programs;
    return looker.look(serving_ground(*snapshot), programs, mono_now());
  }
  [[nodiscard]] Fd connect() const {
    auto client = socket_at(space.opener(), SOCK_STREAM, "203.0.113.7:40000");
    sockaddr_storage address{};
    const auto length = Endpoint::parse("198.51.100.2:1194", 0).value().to_sockaddr(address);
    const int done = ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), length);
    BOOST_REQUIRE((done == 0 || errno == EINPROGRESS));
    return client;
  }
  TestNamespace space;
  Fd listener;
  Fd waiting;
};

bool has_nft() { return std::system("command -v nft >/dev/null") == 0; }

void run_until(boost::asio::io_context& io, const std::function<bool()>& done) {
  const auto deadline = mono_now() + 10s;
  while (!done() && mono_now() < deadline) io.run_one_for(100ms);
  BOOST_TEST(done());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(serving_watch)

BOOST_AUTO_TEST_CASE(a_tcp_client_is_told_with_its_bytes_until_it_ends) {
  const Server server;
  PortLooker looker(server.space.get(), {tcp});
  BOOST_TEST(server.look(looker).at(0).peers.empty());
  BOOST_TEST(server.look(looker).at(0).cannot_look.empty());
  {
    const auto client = server.connect();
    BOOST_REQUIRE_EQUAL(::send(client.get(), "7 bytes", 7, 0), 7);
    const auto look = server.look(looker).at(0);
    BOOST_TEST_REQUIRE(look.peers.size() == 1U);
    BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:40000");
    BOOST_TEST((look.peers[0].bytes == PeerBytes{7, 0}));
  }
  BOOST_TEST(server.look(looker).at(0).peers.empty());
}

BOOST_AUTO_TEST_CASE(where_nobody_listens_nobody_is_known) {
  const TestNamespace space;
  space.run("ip link set lo up");
  PortLooker looker(space.get(), {tcp, udp});
  TunnelPrograms programs;
  const auto looks = looker.look({}, programs, mono_now());
  BOOST_TEST_REQUIRE(looks.size() == 2U);
  BOOST_TEST(looks[0].cannot_look == "nothing listens on tcp/1194 in this namespace");
  BOOST_TEST(!looks[1].cannot_look.empty());
}

BOOST_AUTO_TEST_CASE(without_a_rule_that_tracks_udp_clients_are_not_known_and_it_is_said) {
  const Server server;
  const auto client = socket_at(server.space.opener(), SOCK_DGRAM, "203.0.113.7:40000");
  send_to(client, "198.51.100.2:51820");
  PortLooker looker(server.space.get(), {udp});
  const auto look = server.look(looker).at(0);
  BOOST_TEST(look.peers.empty());
  BOOST_TEST(!look.cannot_look.empty());
  BOOST_TEST(!look.unanswered);
}

BOOST_AUTO_TEST_CASE(udp_that_is_not_answered_is_a_try_and_what_goes_on_is_a_client) {
  if (!has_nft()) {
    BOOST_TEST_MESSAGE("SKIPPED: 'nft' is not installed");
    return;
  }
  const Server server;
  server.space.run(
      "nft 'add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state new counter'");
  server.space.run("echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct");
  const auto client = socket_at(server.space.opener(), SOCK_DGRAM, "203.0.113.7:40000");
  send_to(client, "198.51.100.2:51820");
  PortLooker looker(server.space.get(), {udp});
  auto look = server.look(looker).at(0);
  BOOST_TEST(look.cannot_look == "");
  BOOST_TEST(look.peers.empty());
  BOOST_TEST(look.unanswered.value_or(9) == 1U);
  // Answered, and going on beyond the two seconds that the kernel waits before it believes in it.
  const auto deadline = mono_now() + 8s;
  while (look.peers.empty() && mono_now() < deadline) {
    send_to(server.waiting, "203.0.113.7:40000");
    send_to(client, "198.51.100.2:51820");
    ::poll(nullptr, 0, 100);
    look = server.look(looker).at(0);
  }
  BOOST_TEST_REQUIRE(look.peers.size() == 1U);
  BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:40000");
  BOOST_TEST(look.peers[0].bytes.value_or(PeerBytes{}).in >= 66U);
  BOOST_TEST(look.unanswered.value_or(9) == 0U);
}

BOOST_AUTO_TEST_CASE(the_watch_tells_who_came_and_what_was_blocked) {
  const Server server;
  boost::asio::io_context io(1);
  int news = 0;
  ServingWatch watch(io, {{tcp, udp}, true, 7}, [&news] { ++news; });
  watch.attach(server.space.get());
  BOOST_TEST(watch.pending());
  const auto snapshot = take_snapshot(server.space.opener()).value();
  watch.refresh(snapshot, 1ms);
  run_until(io, [&] { return !watch.pending(); });
  BOOST_TEST(watch.state().view(10, 10, false).ports[0].connected.value_or(9) == 0U);
  const auto client = server.connect();
  run_until(io, [&] {
    watch.refresh(snapshot, 1ms);
    return watch.state().view(10, 10, false).ports[0].connected == 1U;
  });
  const auto view = watch.state().view(10, 10, false);
  BOOST_TEST_REQUIRE(view.peers.size() == 1U);
  BOOST_TEST(!view.peers[0].since_before);
  BOOST_TEST(news > 0);
  if (!view.blocked_since || !has_nft()) {
    BOOST_TEST_MESSAGE("SKIPPED: logged packets: " << view.blocked_why);
  } else {
    server.space.run(
        "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; "
        "add rule inet t c udp dport 51820 log group 7 drop'");
    send_to(socket_at(server.space.opener(), SOCK_DGRAM, "203.0.113.7:40001"), "198.51.100.2:51820");
    run_until(io, [&] { return watch.state().view(10, 10, false).blocked_packets == 1U; });
    BOOST_TEST(watch.state().view(10, 10, false).blocked_from.at(0).address.to_string() == "203.0.113.7");
  }
  watch.detach();
  BOOST_TEST(!watch.state().view(10, 10, false).ports[0].connected);
  BOOST_TEST(watch.state().table().size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_group_that_somebody_listens_to_is_told) {
  const Server server;
  const auto other = NflogListener::open(server.space.opener(), 7);
  if (!other) {
    BOOST_TEST_MESSAGE("SKIPPED: " << other.error().message);
    return;
  }
  boost::asio::io_context io(1);
  ServingWatch watch(io, {{udp}, true, 7});
  watch.attach(server.space.get());
  BOOST_TEST(watch.state().view(10, 10, false).blocked_why.starts_with("another program listens to the group 7 of logged packets"));
}

BOOST_AUTO_TEST_CASE(who_is_not_asked_for_is_never_looked_for) {
  const Server server;
  boost::asio::io_context io(1);
  ServingWatch watch(io, {});
  watch.attach(server.space.get());
  watch.refresh({}, 1ms);
  BOOST_TEST(!watch.is_asked_for());
  BOOST_TEST(!watch.pending());
  BOOST_TEST(io.poll() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
