#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netns/daemon/settings.hpp"
#include "probe/app/print_peers.hpp"
#include "probe/app/probe_settings.hpp"
#include "probe/app/report_peers.hpp"
#include "probe/app/serving_settings.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr ListenPort udp{IPPROTO_UDP, 51820};
constexpr ListenPort tcp{IPPROTO_TCP, 1194};
const WallTime wall{std::chrono::seconds{1'800'000'000}};

ServingView view_of_two() {
  ServingView view;
  view.ports = {{udp, PeerSource::wireguard, 1, 4, {}, "a note"}, {tcp, PeerSource::sock_diag, {}, {}, "nothing listens", {}}};
  view.peers = {{udp,
                 PeerSource::wireguard,
                 Endpoint::parse("203.0.113.7:40000", 0).value(),
                 "a key of a client",
                 PeerBytes{1500, 20},
                 wall,
                 true,
                 {}},
                {tcp, PeerSource::sock_diag, Endpoint::parse("[2001:db8:1:2::7]:40000", 0).value(), {}, {}, wall, false, wall + 9s}};
  view.blocked_since = wall;
  view.blocked_packets = 12;
  view.blocked_from = {{udp, IpAddress::parse("203.0.113.9").value(), 12, wall, wall}};
  return view;
}

Result<ServingPolicy> policy_of(const std::string& listen, const std::string& group = {}) {
  Settings settings(probe_setting_rows());
  BOOST_REQUIRE(settings.set("listen", listen, "a test").has_value());
  BOOST_REQUIRE(settings.set("listen_nflog_group", group, "a test").has_value());
  return make_serving_policy(settings);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(peers)

BOOST_AUTO_TEST_CASE(ports_and_group_are_taken_from_the_settings) {
  const auto policy = policy_of("udp/51820,tcp/1194", "7").value();
  BOOST_TEST((policy.ports == std::vector<ListenPort>{udp, tcp}));
  BOOST_TEST(policy.nflog_group.value() == 7);
  BOOST_TEST(!policy.follow);
  BOOST_TEST(policy_of("")->ports.empty());
  BOOST_TEST(!policy_of("udp/51820")->nflog_group);
  BOOST_TEST(policy_of("udp/51820", "0")->nflog_group.value() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_port_or_no_group_is_refused_by_name) {
  const auto words = [](const std::string& listen, const std::string& group = {}) {
    const auto policy = policy_of(listen, group);
    return policy ? std::string("taken") : policy.error().message;
  };
  BOOST_TEST(words("udp/0") == "VPN_SENTINEL_LISTEN = 'udp/0' (from a test): expected a protocol and a port such as udp/51820 or tcp/1194");
  BOOST_TEST(words("udp/51820,udp/51820") == "VPN_SENTINEL_LISTEN = 'udp/51820' (from a test): expected each port once");
  std::string many;
  for (int i = 1; i <= 17; ++i) many += (i == 1 ? "udp/" : ",udp/") + std::to_string(i);
  BOOST_TEST(has(words(many), "expected at most 16 ports"));
  for (const auto* const group : {"65536", "-1", "x", "7 8", "0x7"}) {
    BOOST_TEST(has(words("udp/51820", group), "VPN_SENTINEL_LISTEN_NFLOG_GROUP = '"), group);
  }
  BOOST_TEST(has(words("", "7"), "expected VPN_SENTINEL_LISTEN to name the ports"));
}

BOOST_AUTO_TEST_CASE(a_report_tells_clients_in_full_or_as_little_as_is_wanted) {
  const auto full = peers_report(view_of_two(), DestinationDetail::full, nullptr);
  // Of one port nobody tells: a sum would look like all.
  BOOST_TEST(!full.connected);
  BOOST_TEST(full.ports.at(0).connected.value() == 1U);
  BOOST_TEST(full.ports.at(0).why == "a note");
  BOOST_TEST(full.ports.at(1).why == "nothing listens");
  BOOST_TEST(full.list.at(0).from == "203.0.113.7:40000");
  BOOST_TEST(full.list.at(0).key == "a key of a client");
  BOOST_TEST(full.list.at(0).rx_bytes.value() == 1500U);
  BOOST_TEST(full.list.at(0).since_before);
  BOOST_TEST(!full.list.at(1).rx_bytes);
  BOOST_TEST(full.blocked_packets == 12U);
  const auto prefix = peers_report(view_of_two(), DestinationDetail::prefix, nullptr);
  BOOST_TEST(prefix.list.at(0).from == "203.0.113.0/24");
  BOOST_TEST(prefix.list.at(0).key == "");
  BOOST_TEST(prefix.list.at(1).from == "2001:db8:1::/48");
  BOOST_TEST(peers_report(view_of_two(), DestinationDetail::country, nullptr).list.at(0).from == "?");
  const auto none = peers_report(view_of_two(), DestinationDetail::none, nullptr);
  BOOST_TEST(none.list.at(0).from == "");
  BOOST_TEST(none.list.at(0).key == "");
}

BOOST_AUTO_TEST_CASE(all_ports_together_are_told_when_each_tells) {
  auto view = view_of_two();
  view.ports[1].connected = 2;
  BOOST_TEST(peers_report(view, DestinationDetail::full, nullptr).connected.value() == 3U);
}

BOOST_AUTO_TEST_CASE(people_read_who_is_there_and_what_is_not_known) {
  const auto view = view_of_two();
  const PeersTold told{};
  const auto ports = print_ports("office (self)", view, Style{});
  BOOST_TEST(has(ports, "udp/51820 1 connected, told by wireguard, 4 not answered (a note)"));
  BOOST_TEST(has(ports, "tcp/1194  not known: nothing listens"));
  BOOST_TEST(has(print_peer(view.peers[0], told, Style{}), "203.0.113.7:40000        a key of a c   1.5k     20"));
  BOOST_TEST(has(print_peer(view.peers[0], told, Style{}), "connected, perhaps since earlier"));
  BOOST_TEST(has(print_peer(view.peers[1], told, Style{}), "ended 20"));
  BOOST_TEST(has(print_blocked(view, told), "12 packets for these ports were logged"));
  ServingView blind;
  blind.blocked_why = "no right";
  BOOST_TEST(print_blocked(blind, told) == "blocked tries are not seen: no right\n");
}

BOOST_AUTO_TEST_CASE(programs_read_the_same) {
  const auto told = peers_json("office (self)", view_of_two(), {});
  BOOST_TEST(told["ports"][0]["connected"] == 1);
  BOOST_TEST(!told["ports"][1].contains("connected"));
  BOOST_TEST(told["ports"][1]["why"] == "nothing listens");
  BOOST_TEST(told["peers"][0]["from"] == "203.0.113.7:40000");
  BOOST_TEST(told["peers"][0]["bytes"]["in"] == 1500);
  BOOST_TEST(told["peers"][1]["connected"] == false);
  BOOST_TEST(told["blocked"]["from"][0]["packets"] == 12);
  const auto little = peers_json("office (self)", view_of_two(), {DestinationDetail::none, nullptr}).dump();
  BOOST_TEST(!has(little, "203.0.113"));
  BOOST_TEST(!has(little, "a key"));
}

BOOST_AUTO_TEST_SUITE_END()
