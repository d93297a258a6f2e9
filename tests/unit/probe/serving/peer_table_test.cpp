#include "probe/serving/peer_table.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr ListenPort port{IPPROTO_UDP, 51820};

PeerSighting from(const char* far, std::uint64_t in = 0, std::uint64_t out = 0) {
  return {Endpoint::parse(far, 0).value(), {}, 0, PeerBytes{in, out}, true};
}

PeerSighting keyed(const char* key, const char* far, bool connected, std::uint64_t in = 0, std::uint64_t out = 0) {
  return {Endpoint::parse(far, 0).value(), key, 0, PeerBytes{in, out}, connected};
}

struct Table {
  explicit Table(PeerBounds bounds = {}) : table(bounds) {}
  PeerTable table;
  MonoTime now{1h};
  WallTime wall{std::chrono::seconds{1'800'000'000}};

  void take(std::vector<PeerSighting> peers, PeerSource source = PeerSource::conntrack, std::size_t left_out = 0, ListenPort of = port) {
    now += 10s;
    wall += 10s;
    PortLook look{of, source, std::move(peers)};
    look.left_out = left_out;
    table.take(look, wall, now);
  }
  void cannot_look() {
    now += 10s;
    wall += 10s;
    PortLook look{port};
    look.cannot_look = "no right";
    table.take(look, wall, now);
  }
  const KnownPeer& only() {
    BOOST_REQUIRE_EQUAL(table.size(), 1U);
    return *table.peers().front();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(peer_table)

BOOST_AUTO_TEST_CASE(who_comes_between_two_looks_is_connected_since_the_second) {
  Table t;
  t.take({});
  t.take({from("203.0.113.7:40000", 10, 20)});
  const auto since = t.wall;
  t.take({from("203.0.113.7:40000", 30, 40)});
  BOOST_TEST((t.only().since == since));
  BOOST_TEST(!t.only().since_before);
  BOOST_TEST((t.only().bytes == PeerBytes{30, 40}));
  BOOST_TEST(!t.only().ended);
}

BOOST_AUTO_TEST_CASE(who_was_there_at_the_first_look_may_have_come_earlier) {
  Table t;
  t.take({from("203.0.113.7:40000", 10, 20)});
  BOOST_TEST(t.only().since_before);
  BOOST_TEST((t.only().bytes == PeerBytes{10, 20}));
}

BOOST_AUTO_TEST_CASE(who_is_not_listed_any_more_has_ended_and_is_forgotten_later) {
  Table t;
  t.take({from("203.0.113.7:40000")});
  t.take({});
  BOOST_TEST((t.only().ended == t.wall));
  t.table.age(t.now + 300s);
  BOOST_TEST(t.table.size() == 1U);
  t.table.age(t.now + 301s);
  BOOST_TEST(t.table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(who_comes_again_is_connected_anew) {
  Table t;
  t.take({from("203.0.113.7:40000")});
  t.take({});
  t.take({from("203.0.113.7:40000")});
  BOOST_TEST((t.only().since == t.wall));
  BOOST_TEST(!t.only().since_before);
  BOOST_TEST(!t.only().ended);
}

BOOST_AUTO_TEST_CASE(a_look_that_could_not_look_ends_nobody_and_the_next_one_does_not_know_since_when) {
  Table t;
  t.take({from("203.0.113.7:40000")});
  t.cannot_look();
  BOOST_TEST(!t.only().ended);
  t.take({from("203.0.113.7:40000"), from("203.0.113.8:40000")});
  for (const auto* const peer : t.table.peers()) BOOST_TEST(peer->since_before);
}

BOOST_AUTO_TEST_CASE(a_look_that_left_some_out_ends_nobody) {
  Table t;
  t.take({from("203.0.113.7:40000")});
  t.take({}, PeerSource::conntrack, 1);
  BOOST_TEST(!t.only().ended);
}

BOOST_AUTO_TEST_CASE(of_whom_nothing_is_known_for_long_is_forgotten_and_not_told_as_ended) {
  Table t({10'000, 300s, 60s});
  t.take({from("203.0.113.7:40000"), from("203.0.113.8:40000")});
  for (int i = 0; i < 6; ++i) t.take({from("203.0.113.8:40000")}, PeerSource::conntrack, 1);
  t.table.age(t.now);
  BOOST_TEST(t.table.size() == 2U);
  t.take({from("203.0.113.8:40000")}, PeerSource::conntrack, 1);
  t.table.age(t.now);
  BOOST_TEST(t.only().far.to_string() == "203.0.113.8:40000");
  BOOST_TEST(!t.only().ended);
  for (int i = 0; i < 7; ++i) t.cannot_look();
  t.table.age(t.now);
  BOOST_TEST(t.table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(ports_do_not_end_each_others_clients) {
  Table t;
  t.take({from("203.0.113.7:40000")});
  t.take({from("203.0.113.7:40000")}, PeerSource::sock_diag, 0, {IPPROTO_TCP, 1194});
  t.take({}, PeerSource::sock_diag, 0, {IPPROTO_TCP, 1194});
  BOOST_TEST_REQUIRE(t.table.size() == 2U);
  BOOST_TEST(!t.table.peers()[0]->ended);
  BOOST_TEST((t.table.peers()[0]->port == port));
  BOOST_TEST(t.table.peers()[1]->ended.has_value());
}

BOOST_AUTO_TEST_CASE(a_client_of_wireguard_keeps_its_name_when_it_moves) {
  Table t;
  t.take({keyed("a", "203.0.113.7:40000", true)}, PeerSource::wireguard);
  const auto since = t.only().since;
  t.take({keyed("a", "198.51.100.9:50000", true)}, PeerSource::wireguard);
  BOOST_TEST((t.only().since == since));
  BOOST_TEST(t.only().far.to_string() == "198.51.100.9:50000");
}

BOOST_AUTO_TEST_CASE(bytes_of_wireguard_count_from_when_the_client_came) {
  Table t;
  t.take({keyed("a", "203.0.113.7:40000", false, 100, 200)}, PeerSource::wireguard);
  BOOST_TEST(t.table.size() == 0U);
  t.take({keyed("a", "203.0.113.7:40000", true, 150, 210)}, PeerSource::wireguard);
  BOOST_TEST((t.only().bytes == PeerBytes{50, 10}));
  t.take({keyed("a", "203.0.113.7:40000", true, 160, 220)}, PeerSource::wireguard);
  BOOST_TEST((t.only().bytes == PeerBytes{60, 20}));
  // It goes and comes again: another stay.
  t.take({keyed("a", "203.0.113.7:40000", false, 160, 220)}, PeerSource::wireguard);
  BOOST_TEST(t.only().ended.has_value());
  BOOST_TEST((t.only().bytes == PeerBytes{60, 20}));
  t.take({keyed("a", "203.0.113.7:40000", true, 165, 220)}, PeerSource::wireguard);
  BOOST_TEST((t.only().bytes == PeerBytes{5, 0}));
}

BOOST_AUTO_TEST_CASE(counters_that_begin_anew_are_no_enormous_number) {
  Table t;
  t.take({keyed("a", "203.0.113.7:40000", false, 100, 200)}, PeerSource::wireguard);
  t.take({keyed("a", "203.0.113.7:40000", true, 150, 250)}, PeerSource::wireguard);
  t.take({keyed("a", "203.0.113.7:40000", true, 7, 300)}, PeerSource::wireguard);
  BOOST_TEST((t.only().bytes == PeerBytes{7, 300}));
}

BOOST_AUTO_TEST_CASE(another_source_has_other_names_and_does_not_know_since_when) {
  Table t;
  t.take({keyed("a", "203.0.113.7:40000", true)}, PeerSource::wireguard);
  t.take({from("203.0.113.7:40000")}, PeerSource::conntrack);
  BOOST_TEST_REQUIRE(t.table.size() == 2U);
  BOOST_TEST(t.table.peers()[0]->since_before);
  BOOST_TEST((t.table.peers()[0]->source == PeerSource::conntrack));
  BOOST_TEST(t.table.peers()[1]->ended.has_value());
}

BOOST_AUTO_TEST_CASE(tcp_connections_from_one_address_and_port_are_told_apart_by_cookie) {
  Table t;
  auto first = from("203.0.113.7:40000");
  first.cookie = 1;
  auto second = first;
  second.cookie = 2;
  t.take({first}, PeerSource::sock_diag);
  t.take({second}, PeerSource::sock_diag);
  BOOST_TEST_REQUIRE(t.table.size() == 2U);
  BOOST_TEST(!t.table.peers()[0]->since_before);
}

BOOST_AUTO_TEST_CASE(a_full_table_keeps_who_is_there_and_counts_who_is_not_taken) {
  Table t{{2, 300s}};
  t.take({from("203.0.113.1:1"), from("203.0.113.2:1"), from("203.0.113.3:1")});
  BOOST_TEST(t.table.size() == 2U);
  BOOST_TEST(t.table.no_room() == 1U);
  t.take({from("203.0.113.1:1")});
  // The one that ended goes first.
  t.take({from("203.0.113.1:1"), from("203.0.113.4:1")});
  BOOST_TEST(t.table.size() == 2U);
  BOOST_TEST(t.table.no_room() == 2U);
  for (const auto* const peer : t.table.peers()) BOOST_TEST(!peer->ended);
}

BOOST_AUTO_TEST_CASE(those_with_most_bytes_come_first_and_ended_ones_last) {
  Table t;
  t.take({from("203.0.113.1:1", 5, 0), from("203.0.113.2:1", 9, 9), from("203.0.113.3:1", 1000, 0)});
  t.take({from("203.0.113.1:1", 5, 0), from("203.0.113.2:1", 9, 9)});
  std::vector<std::string> order;
  for (const auto* const peer : t.table.peers()) order.push_back(peer->far.to_string());
  BOOST_TEST(order == (std::vector<std::string>{"203.0.113.2:1", "203.0.113.1:1", "203.0.113.3:1"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
