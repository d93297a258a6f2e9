#include "probe/serving/port_sightings.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr ListenPort wireguard_port{IPPROTO_UDP, 51820};
constexpr ListenPort openvpn_port{IPPROTO_TCP, 1194};
const WallTime now{std::chrono::seconds{1'800'000'000}};

Endpoint end(const char* text) { return Endpoint::parse(text, 0).value(); }

WireGuardPeer peer(const char* key, std::optional<std::chrono::seconds> handshake_ago) {
  WireGuardPeer made;
  made.public_key = key;
  made.endpoint = end("203.0.113.7:40000");
  made.rx_bytes = 100;
  made.tx_bytes = 200;
  if (handshake_ago) made.last_handshake = now - *handshake_ago;
  return made;
}

SocketEntry socket(SocketState state, const char* local, const char* remote, std::uint64_t cookie) {
  SocketEntry entry;
  entry.protocol = IPPROTO_TCP;
  entry.state = state;
  entry.local = end(local);
  entry.remote = end(remote);
  entry.cookie = cookie;
  return entry;
}

/// As if accounting were on; answered and going on.
TrackedConnection tracked(const char* source, const char* destination, const char* answers_from = nullptr) {
  TrackedConnection connection;
  connection.protocol = IPPROTO_UDP;
  connection.original = {end(source), end(destination), 1, 10};
  connection.reply = {end(answers_from != nullptr ? answers_from : destination), end(source), 1, 20};
  connection.counted = connection.answered = connection.assured = true;
  return connection;
}

const std::vector<IpAddress> own{IpAddress::parse("198.51.100.2").value(), IpAddress::parse("2001:db8::2").value()};

PortLook udp(std::vector<TrackedConnection> connections, bool tracks = true) {
  ConntrackTable table;
  table.connections = std::move(connections);
  return udp_clients(wireguard_port, table, own, tracks);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(port_sightings)

BOOST_AUTO_TEST_CASE(who_shook_hands_within_three_minutes_is_connected) {
  WireGuardDevice device;
  device.peers = {peer("a", 0s), peer("b", 180s), peer("c", 181s), peer("d", std::nullopt), peer("e", -3s), peer("f", -60s)};
  device.peers[3].endpoint.reset();
  const auto look = wireguard_clients(wireguard_port, device, now);
  std::vector<bool> connected;
  for (const auto& seen : look.peers) connected.push_back(seen.connected);
  // A handshake in the future by more than two clocks may differ says nothing.
  BOOST_TEST(connected == (std::vector<bool>{true, true, false, false, true, false}), boost::test_tools::per_element());
  BOOST_TEST(look.peers[0].public_key == "a");
  BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:40000");
  BOOST_TEST((look.peers[0].bytes == PeerBytes{100, 200}));
  BOOST_TEST((look.peers[3].far == Endpoint{}));
  BOOST_TEST(look.cannot_look.empty());
}

BOOST_AUTO_TEST_CASE(tcp_connections_of_the_port_are_clients_while_the_client_sends) {
  SocketTable table;
  table.sockets = {socket(SocketState::listening, "0.0.0.0:1194", "0.0.0.0", 1),
                   socket(SocketState::established, "198.51.100.2:1194", "203.0.113.7:40000", 2),
                   socket(SocketState::syn_received, "198.51.100.2:1194", "203.0.113.8:40000", 3),
                   socket(SocketState::close_wait, "198.51.100.2:1194", "203.0.113.9:40000", 4),
                   socket(SocketState::established, "198.51.100.2:22", "203.0.113.7:40001", 5)};
  table.sockets[1].counters = TcpCounters{7, 9, 8};
  const auto look = tcp_clients(openvpn_port, table);
  BOOST_TEST_REQUIRE(look.peers.size() == 1U);
  BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:40000");
  BOOST_TEST(look.peers[0].cookie == 2U);
  BOOST_TEST((look.peers[0].bytes == PeerBytes{9, 7}));
}

BOOST_AUTO_TEST_CASE(without_a_listener_connections_are_somebody_elses_and_nothing_is_known) {
  SocketTable table;
  table.sockets = {socket(SocketState::established, "198.51.100.2:1194", "203.0.113.7:443", 2)};
  const auto look = tcp_clients(openvpn_port, table);
  BOOST_TEST(look.peers.empty());
  BOOST_TEST(look.cannot_look == "nothing listens on tcp/1194 in this namespace");
}

BOOST_AUTO_TEST_CASE(sockets_that_were_not_listed_are_told) {
  SocketTable table;
  table.sockets = {socket(SocketState::listening, "[2001:db8::2]:1194", "0.0.0.0", 1)};
  table.left_out = 3;
  BOOST_TEST(tcp_clients(openvpn_port, table).left_out == 3U);
}

BOOST_AUTO_TEST_CASE(udp_clients_are_those_who_call_an_own_address) {
  const auto look = udp({tracked("203.0.113.7:40000", "198.51.100.2:51820"), tracked("[2001:db8::7]:40000", "[2001:db8::2]:51820")});
  BOOST_TEST_REQUIRE(look.peers.size() == 2U);
  BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:40000");
  BOOST_TEST((look.peers[0].bytes == PeerBytes{10, 20}));
  BOOST_TEST(look.peers[1].far.to_string() == "[2001:db8::7]:40000");
}

BOOST_AUTO_TEST_CASE(only_connections_of_the_ports_are_kept_and_others_show_that_the_kernel_tracks) {
  const std::vector<ListenPort> ports{wireguard_port, openvpn_port};
  BOOST_TEST(is_of_port(tracked("203.0.113.7:40000", "198.51.100.2:51820"), ports));
  BOOST_TEST(is_of_port(tracked("198.51.100.2:51820", "203.0.113.7:40000"), ports));
  BOOST_TEST(is_of_port(tracked("203.0.113.7:40000", "192.0.2.1:443", "198.51.100.2:51820"), ports));
  BOOST_TEST(!is_of_port(tracked("203.0.113.7:40000", "198.51.100.2:53"), ports));
  // The port of the other protocol.
  BOOST_TEST(!is_of_port(tracked("203.0.113.7:40000", "198.51.100.2:1194"), ports));
  ConntrackTable table;
  table.empty = false;
  BOOST_TEST(udp_clients(wireguard_port, table, own, false).cannot_look.empty());
}

BOOST_AUTO_TEST_CASE(a_server_elsewhere_that_is_called_from_here_is_no_client) {
  // This host is itself a client of somebody's port 51820, and hands on what others send there.
  BOOST_TEST(udp({tracked("198.51.100.2:40000", "203.0.113.9:51820"), tracked("192.0.2.50:40000", "203.0.113.9:51820")}).peers.empty());
  // Another port of this one, and another protocol.
  auto other = tracked("203.0.113.7:40000", "198.51.100.2:51820");
  other.protocol = IPPROTO_TCP;
  BOOST_TEST(udp({tracked("203.0.113.7:40000", "198.51.100.2:53"), other}).peers.empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_the_server_called_has_its_bytes_the_right_way_round) {
  const auto look = udp({tracked("198.51.100.2:51820", "203.0.113.7:51820")});
  BOOST_TEST_REQUIRE(look.peers.size() == 1U);
  BOOST_TEST(look.peers[0].far.to_string() == "203.0.113.7:51820");
  BOOST_TEST((look.peers[0].bytes == PeerBytes{20, 10}));
}

BOOST_AUTO_TEST_CASE(translated_packets_count_by_where_they_came_and_where_they_went) {
  // Handed on to a container, and another port that leads to the server's.
  const auto look = udp({tracked("203.0.113.7:40000", "198.51.100.2:51820", "192.0.2.50:51820"),
                         tracked("203.0.113.8:40000", "198.51.100.2:53", "198.51.100.2:51820")});
  BOOST_TEST(look.peers.size() == 2U);
}

BOOST_AUTO_TEST_CASE(who_was_not_answered_or_not_for_long_is_counted_and_no_client) {
  auto silent = tracked("203.0.113.7:40000", "198.51.100.2:51820");
  silent.answered = silent.assured = false;
  auto once = tracked("203.0.113.8:40000", "198.51.100.2:51820");
  once.assured = false;
  const auto look = udp({silent, once});
  BOOST_TEST(look.peers.empty());
  BOOST_TEST(look.unanswered.value() == 2U);
}

BOOST_AUTO_TEST_CASE(an_empty_table_is_no_proof_of_no_client_unless_the_kernel_tracks) {
  const auto look = udp({}, false);
  BOOST_TEST(look.cannot_look.starts_with("the kernel tracks no connection here"));
  BOOST_TEST(!look.unanswered);
  BOOST_TEST(udp({}, true).cannot_look.empty());
  // Somebody else's connection shows that it does.
  BOOST_TEST(udp({tracked("203.0.113.7:40000", "198.51.100.2:53")}, false).cannot_look.empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_nobody_counted_are_absent_and_told) {
  auto uncounted = tracked("203.0.113.7:40000", "198.51.100.2:51820");
  uncounted.counted = false;
  const auto look = udp({uncounted});
  BOOST_TEST_REQUIRE(look.peers.size() == 1U);
  BOOST_TEST(!look.peers[0].bytes);
  BOOST_TEST(look.note.find("nf_conntrack_acct") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_look_is_bounded) {
  std::vector<TrackedConnection> many(most_peers_looked_at + 5, tracked("203.0.113.7:40000", "198.51.100.2:51820"));
  const auto look = udp(std::move(many));
  BOOST_TEST(look.peers.size() == most_peers_looked_at);
  BOOST_TEST(look.left_out == 5U);
}

BOOST_AUTO_TEST_CASE(a_socket_that_waits_has_no_far_end) {
  SocketTable table;
  auto entry = socket(SocketState::closed, "0.0.0.0:51820", "0.0.0.0", 1);
  entry.protocol = IPPROTO_UDP;
  table.sockets = {entry};
  BOOST_TEST(waits_for_udp(wireguard_port, table));
  BOOST_TEST(!waits_for_udp({IPPROTO_UDP, 1194}, table));
  table.sockets[0].remote = end("203.0.113.7:40000");
  BOOST_TEST(!waits_for_udp(wireguard_port, table));
  table.sockets[0] = socket(SocketState::listening, "0.0.0.0:51820", "0.0.0.0", 1);
  BOOST_TEST(!waits_for_udp(wireguard_port, table));
}

BOOST_AUTO_TEST_SUITE_END()
