#include "netns/firewall/kill_switch.hpp"

#include <netinet/in.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/unit/netns_firewall/switched.hpp"

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(kill_switch_canaries)

BOOST_FIXTURE_TEST_CASE(canaries_tell_whether_it_holds, Switched) {
  auto kill_switch = opened();
  BOOST_TEST(all_are(good(kill_switch.prove({"eth0", "eth1"})), CanaryOutcome::left));
  BOOST_TEST(arrived() == 4U);
  (void)good(kill_switch.arm(policy()));
  BOOST_TEST(all_are(good(kill_switch.prove({"eth0", "eth1"})), CanaryOutcome::held));
  BOOST_TEST(arrived() == 0U);
  BOOST_TEST(good(kill_switch.stopped()).destinations.front().port == canary_destination(Family::v4).port);
  client.run("ip link set eth1 down");
  BOOST_TEST(all_are(good(kill_switch.prove({"eth1"})), CanaryOutcome::no_way_out));
  BOOST_TEST((kill_switch.prove({"none0"}).error().kind == Error::Kind::not_found));
  BOOST_TEST((kill_switch.prove({}).error().kind == Error::Kind::invalid));
}

BOOST_FIXTURE_TEST_CASE(a_canary_never_goes_where_one_may_go, Switched) {
  auto kill_switch = opened();
  auto wanted = policy();
  wanted.local_networks.push_back(IpPrefix::parse("203.0.113.0/24").value());
  wanted.local_networks.push_back(IpPrefix::parse("2001:db8::/32").value());
  (void)good(kill_switch.arm(wanted));
  BOOST_TEST(all_are(good(kill_switch.prove({"eth0"}, wanted)), CanaryOutcome::held));
  BOOST_TEST(!all_are(good(kill_switch.prove({"eth0"})), CanaryOutcome::held));
  wanted.local_networks = {IpPrefix::parse("0.0.0.0/0").value(), IpPrefix::parse("::/0").value()};
  BOOST_TEST(all_are(good(kill_switch.prove({"eth0"}, wanted)), CanaryOutcome::may_leave));
}

BOOST_FIXTURE_TEST_CASE(a_canary_that_might_leave_on_purpose_is_not_sent, Switched) {
  auto wanted = with_uplinks();
  wanted.allowed.emplace_back().uids = AllowedUids{::geteuid(), ::geteuid()};
  auto kill_switch = opened();
  (void)good(kill_switch.arm(wanted));
  const auto reports = good(kill_switch.prove({"eth0", "eth1"}, wanted));
  BOOST_TEST(all_are(reports, CanaryOutcome::may_leave));
  BOOST_TEST((proof_of(reports) == Proof::unproven));
  BOOST_TEST(arrived() == 0U);
}

BOOST_AUTO_TEST_CASE(what_may_leave_on_purpose_tells_where_no_canary_may_go) {
  constexpr std::uint32_t uid = 990;
  const auto goes = [](const AllowedPackets& allowed, CanaryKind kind = CanaryKind::socket) {
    FirewallPolicy wanted;
    wanted.allowed = {allowed};
    return canary_destination(Family::v4, wanted, kind, uid).has_value();
  };
  const auto with = [](const auto& change) {
    AllowedPackets allowed;
    change(allowed);
    return allowed;
  };
  BOOST_TEST(!goes(with([](auto& it) { it.uids = AllowedUids{0, 990}; })));
  BOOST_TEST(goes(with([](auto& it) { it.uids = AllowedUids{0, 989}; })));
  BOOST_TEST(!goes(with([](auto& it) { it.protocol = IPPROTO_UDP; })));
  BOOST_TEST(goes(with([](auto& it) { it.protocol = IPPROTO_TCP; })));
  BOOST_TEST(goes(with([](auto& it) { it.family = Family::v6; })));
  BOOST_TEST(!goes(with([](auto& it) { it.destination_ports = AllowedPorts{1, 100}; })));
  BOOST_TEST(goes(with([](auto& it) { it.destination_ports = AllowedPorts{10, 100}; })));
  BOOST_TEST(goes(with([](auto& it) { it.source_ports = AllowedPorts{22, 22}; })));
  BOOST_TEST(!goes(with([](auto& it) { it.source_ports = AllowedPorts{1, 0xffff}; })));
  BOOST_TEST(!goes(with([](auto& it) { it.source = IpPrefix::parse("192.0.2.0/24").value(); })));
  BOOST_TEST(goes(with([](auto& it) { it.source = IpPrefix::parse("192.0.2.0/24").value(); }), CanaryKind::packet_socket));
  BOOST_TEST(!goes(with([](auto& it) { it.source_ports = AllowedPorts{9, 9}; }), CanaryKind::packet_socket));
  BOOST_TEST(goes(with([](auto& it) { it.mark = it.mark_mask = 1; })));
  BOOST_TEST(!goes(with([](auto& it) { it.mark_mask = 1; })));
  BOOST_TEST(goes(with([](auto& it) { it.destination = IpPrefix::parse("203.0.113.0/24").value(); })));
  FirewallPolicy servers;
  servers.endpoints = {{canary_destination(Family::v6).address, 0, 0, 0}};
  const auto other = canary_destination(Family::v6, servers, CanaryKind::socket, uid);
  BOOST_TEST_REQUIRE(other.has_value());
  BOOST_TEST((other->address != canary_destination(Family::v6).address));
  BOOST_TEST(is_canary_destination(other->address, other->port));
  BOOST_TEST(!is_canary_destination(other->address, 53));
}

BOOST_FIXTURE_TEST_CASE(a_canary_that_somebody_else_refused_proves_nothing, Switched) {
  client.run("nft add table inet theirs '{ chain c { type filter hook output priority 0; oifname \"eth0\" drop; }; }'");
  auto kill_switch = opened();
  BOOST_TEST(all_are(good(kill_switch.prove({"eth0"})), CanaryOutcome::refused));
  (void)good(kill_switch.arm(policy()));
  BOOST_TEST((proof_of(good(kill_switch.prove({"eth0"}))) == Proof::unproven));
  BOOST_TEST((proof_of(good(kill_switch.prove({"eth1"}))) == Proof::holds));
  client.run("ip link set eth1 down");
  BOOST_TEST((proof_of(good(kill_switch.prove({"eth1"}))) == Proof::unproven));
  BOOST_TEST((proof_of({}) == Proof::unproven));
}

BOOST_FIXTURE_TEST_CASE(what_others_send_meanwhile_is_no_proof, Switched) {
  client.run("nft add table inet theirs '{ chain c { type filter hook output priority 0; oifname \"eth0\" drop; }; }'");
  auto kill_switch = opened();
  (void)good(kill_switch.arm(policy()));
  const auto socket = good(client.opener()(AF_INET, SOCK_DGRAM, 0));
  BOOST_TEST_REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth1", 4) == 0);
  sockaddr_storage to{};
  const auto length = Endpoint{IpAddress::parse("203.0.113.1").value(), 1000}.to_sockaddr(to);
  std::atomic<bool> ended = false;
  std::jthread flood([&] {
    while (!ended) (void)::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), length);
  });
  std::size_t held = 0;
  for (int i = 0; i < 50; ++i) held += proof_of(good(kill_switch.prove({"eth0"}))) == Proof::unproven ? 0U : 1U;
  ended = true;
  BOOST_TEST(held == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_canary_by_a_packet_socket_tells_whether_an_uplink_is_held, Switched) {
  auto kill_switch = opened();
  if (good(kill_switch.arm(with_uplinks())).egress_gap) return;
  const auto reports = good(kill_switch.prove({"eth0", "eth1"}));
  BOOST_TEST(std::count_if(reports.begin(), reports.end(), [](const CanaryReport& report) { return report.by_packet_socket; }) == 2);
  BOOST_TEST(all_are(reports, CanaryOutcome::held));
  BOOST_TEST((proof_of(reports) == Proof::holds));
  BOOST_TEST(arrived() == 0U);
  client.run("nft insert rule netdev vpn-sentinel-test-killswitch frames accept");
  BOOST_TEST((proof_of(good(kill_switch.prove({"eth1"}))) == Proof::broken));
  BOOST_TEST(arrived() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
