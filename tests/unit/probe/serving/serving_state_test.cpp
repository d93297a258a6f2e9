#include "probe/serving/serving_state.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netns/monitor/snapshot.hpp"
#include "probe/serving/look_at_ports.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr ListenPort udp{IPPROTO_UDP, 51820};
constexpr ListenPort tcp{IPPROTO_TCP, 1194};
const WallTime wall{std::chrono::seconds{1'800'000'000}};
const MonoTime now{1h};

LoggedPacket packet(const char* source, const char* destination, std::uint8_t protocol = IPPROTO_UDP) {
  LoggedPacket made;
  made.protocol = protocol;
  made.source = Endpoint::parse(source, 0).value();
  made.destination = Endpoint::parse(destination, 0).value();
  made.in_index = 2;
  return made;
}

PortLook look_of(ListenPort port, std::size_t connected, std::size_t silent = 0) {
  PortLook look{port, PeerSource::wireguard};
  for (std::size_t i = 0; i < connected + silent; ++i) {
    look.peers.push_back({Endpoint::parse("203.0.113.7:40000", 0).value(), std::string("key ") + std::to_string(i), 0, {}, i < connected});
  }
  return look;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(serving_state)

BOOST_AUTO_TEST_CASE(before_the_first_look_nothing_is_known) {
  const ServingState state({udp, tcp});
  const auto view = state.view(10, 10, false);
  BOOST_TEST_REQUIRE(view.ports.size() == 2U);
  for (const auto& port : view.ports) {
    BOOST_TEST(!port.connected);
    BOOST_TEST(port.why == "nobody has looked yet");
  }
  BOOST_TEST(!view.blocked_since);
}

BOOST_AUTO_TEST_CASE(a_port_that_nobody_tells_of_has_no_number_and_the_other_one_has) {
  ServingState state({udp, tcp});
  PortLook blind{tcp, PeerSource::sock_diag};
  blind.cannot_look = "nothing listens";
  state.take({look_of(udp, 3, 2), blind}, wall, now);
  const auto view = state.view(10, 10, false);
  BOOST_TEST(view.ports[0].connected.value() == 3U);
  BOOST_TEST(!view.ports[1].connected);
  BOOST_TEST(view.ports[1].why == "nothing listens");
  BOOST_TEST(view.peers.size() == 3U);
  BOOST_TEST(view.not_listed == 0U);
}

BOOST_AUTO_TEST_CASE(who_is_not_listed_is_counted) {
  ServingState state({udp});
  auto look = look_of(udp, 5);
  look.left_out = 4;
  state.take({look}, wall, now);
  const auto view = state.view(2, 10, false);
  BOOST_TEST(view.peers.size() == 2U);
  BOOST_TEST(view.not_listed == 3U);
  BOOST_TEST(view.ports[0].note.find("4 more were not looked at") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_has_ended_is_listed_only_when_asked_for) {
  ServingState state({udp});
  state.take({look_of(udp, 1)}, wall, now);
  state.take({look_of(udp, 0)}, wall + 1s, now + 1s);
  BOOST_TEST(state.view(10, 10, false).peers.empty());
  BOOST_TEST(state.view(10, 10, true).peers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(logged_packets_for_the_ports_are_counted_by_address_and_no_others) {
  ServingState state({udp, tcp});
  state.begin_blocked(wall);
  auto outgoing = packet("198.51.100.2:51820", "203.0.113.7:51820");
  outgoing.in_index = 0;
  state.take_blocked({{packet("203.0.113.7:1", "198.51.100.2:51820"), packet("203.0.113.7:2", "198.51.100.2:51820"),
                       packet("203.0.113.8:1", "198.51.100.2:1194", IPPROTO_TCP), packet("203.0.113.8:1", "198.51.100.2:1194"),
                       packet("203.0.113.8:1", "198.51.100.2:22", IPPROTO_TCP), outgoing},
                      7},
                     wall + 1s, now);
  const auto view = state.view(10, 10, false);
  BOOST_TEST(view.blocked_packets == 3U);
  BOOST_TEST(view.blocked_lost == 7U);
  BOOST_TEST_REQUIRE(view.blocked_from.size() == 2U);
  BOOST_TEST(view.blocked_from[0].address.to_string() == "203.0.113.7");
  BOOST_TEST(view.blocked_from[0].packets == 2U);
  BOOST_TEST((view.blocked_from[1].port == tcp));
  BOOST_TEST((view.blocked_since == wall));
  BOOST_TEST(state.view(10, 1, false).blocked_from.size() == 1U);
}

BOOST_AUTO_TEST_CASE(counting_that_begins_anew_begins_at_nothing) {
  ServingState state({udp});
  state.begin_blocked(wall);
  state.take_blocked({{packet("203.0.113.7:1", "198.51.100.2:51820")}, 0}, wall, now);
  state.end_blocked("somebody else listens");
  BOOST_TEST(state.view(10, 10, false).blocked_packets == 0U);
  BOOST_TEST(state.view(10, 10, false).blocked_why == "somebody else listens");
  state.begin_blocked(wall + 60s);
  BOOST_TEST(state.view(10, 10, false).blocked_packets == 0U);
  BOOST_TEST((state.view(10, 10, false).blocked_since == wall + 60s));
}

BOOST_AUTO_TEST_CASE(addresses_of_tries_are_bounded_and_age_out) {
  BlockedTries tries({udp}, {2, 3600s});
  const std::vector packets{packet("203.0.113.1:1", "198.51.100.2:51820"), packet("203.0.113.2:1", "198.51.100.2:51820"),
                            packet("203.0.113.3:1", "198.51.100.2:51820")};
  tries.take(packets, 0, wall, now);
  BOOST_TEST(tries.packets() == 3U);
  BOOST_TEST(tries.no_room() == 1U);
  BOOST_TEST(tries.from(10).size() == 2U);
  tries.age(now + 3601s);
  BOOST_TEST(tries.from(10).empty());
  BOOST_TEST(tries.packets() == 3U);
}

BOOST_AUTO_TEST_CASE(tunnels_and_own_addresses_are_what_decides) {
  Snapshot snapshot;
  for (std::uint32_t i = 0; i < 20; ++i) {
    Link link;
    link.index = i + 1;
    link.name = "tun" + std::to_string(i);
    link.kind = "tun";
    snapshot.links.push_back(link);
  }
  snapshot.links[0].kind = "veth";
  snapshot.links[1].kind = "wireguard";
  snapshot.addresses = {{1, IpAddress::parse("203.0.113.9").value(), 24, 0, 0}, {1, IpAddress::parse("198.51.100.2").value(), 24, 0, 0}};
  const auto ground = serving_ground(snapshot);
  BOOST_TEST(ground.tunnels.size() == 16U);
  BOOST_TEST(ground.tunnels[0].kind == "wireguard");
  BOOST_TEST(ground.left_out == 3U);
  BOOST_TEST(ground.own[0].to_string() == "198.51.100.2");
}

BOOST_AUTO_TEST_SUITE_END()
