#include "netns/firewall/kill_switch.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "netns/firewall/leak_meter.hpp"
#include "netns/firewall/ruleset_bell.hpp"
#include "tests/unit/netns_firewall/largest_policy.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

using State = KillSwitchStatus::State;

struct Switched : TwoUplinks {
  [[nodiscard]] KillSwitch opened(bool protect = false) const { return KillSwitch::open(client.opener(), "test", protect).value(); }
  static FirewallPolicy with_uplinks() {
    auto wanted = policy();
    wanted.uplinks = {"eth0", "eth1"};
    return wanted;
  }
  /// Everything that a program may try, and a tunnel that fails meanwhile.
  void try_to_leave() const {
    for (const auto* device : {"eth0", "eth1"}) {
      (void)send({"203.0.113.1", 1000, device});
      (void)send({"203.0.113.1", 53, device});
      (void)send({"2001:db8:ffff::1", 1000, device});
      (void)send({"2001:db8:ffff::1", 853, device});
    }
    (void)send({std::string(server), 443});
    (void)send({std::string(server), server_port});
    (void)send({"198.18.1.2", 53});
    client.run("ip link set tun0 down");
    (void)send({"203.0.113.1", 1000});
    (void)send({"2001:db8:ffff::1", 1000});
    client.run("ip link set tun0 up && ip route replace default dev tun0 && ip -6 route replace default dev tun0 metric 1");
  }
  [[nodiscard]] std::string tables() const { return client.output_of("nft list tables"); }
};

template <typename Value>
Value good(Result<Value> result) {
  BOOST_REQUIRE_MESSAGE(result.has_value(), why(result));
  return std::move(*result);
}

bool all_are(const std::vector<CanaryReport>& reports, CanaryOutcome outcome) {
  return std::all_of(reports.begin(), reports.end(), [&](const CanaryReport& report) { return report.outcome == outcome; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kill_switch)

BOOST_FIXTURE_TEST_CASE(what_leaves_without_it_does_not_leave_when_it_is_armed, Switched) {
  try_to_leave();
  BOOST_TEST(arrived() >= 10U);
  auto kill_switch = opened();
  BOOST_TEST(!good(kill_switch.arm(policy())).adopted);
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
  BOOST_TEST(good(kill_switch.stopped()).outside().packets >= 10U);
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(tunnel_loopback_server_local_network_and_neighbours_go_on_working, Switched) {
  auto kill_switch = opened();
  BOOST_TEST_REQUIRE(good(kill_switch.arm(with_uplinks())).adopted == false);
  BOOST_TEST(send({"203.0.113.1", 1000}) == 0);
  BOOST_TEST(send({"127.0.0.1", 53}) == 0);
  BOOST_TEST(send({std::string(server), server_port, "", mark}) == 0);
  BOOST_TEST(send({std::string(server), server_port, "", mark, 4000}) == 0);
  BOOST_TEST(send({"198.18.1.2", 80}) == 0);
  BOOST_TEST(send({"2001:db8:1::99", 80, "eth1"}) == 0);
  BOOST_TEST(arrived() >= 1U);
  const auto counters = good(kill_switch.stopped());
  BOOST_TEST(counters.outside().packets == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_packet_socket_is_held_back_on_a_named_uplink, Switched) {
  auto kill_switch = opened();
  const auto arming = good(kill_switch.arm(with_uplinks()));
  BOOST_TEST(good(kill_switch.status(with_uplinks())).holds_uplinks == !arming.egress_gap.has_value());
  if (arming.egress_gap) {
    BOOST_TEST_MESSAGE("SKIPPED: " << arming.egress_gap->message);
    return;
  }
  send_by_packet_socket("eth0");
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
}

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

BOOST_FIXTURE_TEST_CASE(who_is_there_is_told_by_id, Switched) {
  BOOST_TEST(good(kill_switch_ids(client.opener())).empty());
  auto first = opened();
  (void)good(first.arm(with_uplinks()));
  auto second = good(KillSwitch::open(client.opener(), "other-1"));
  BOOST_TEST_REQUIRE(second.prepare(policy()).has_value());
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table inet somebody-killswitch");
  BOOST_TEST(good(kill_switch_ids(client.opener())) == (std::vector<std::string>{"other-1", "test"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_is_not_the_same_is_not_adopted_and_stays_as_it_is, Switched) {
  auto kill_switch = opened();
  BOOST_TEST(!good(kill_switch.adopt(policy())));
  (void)good(kill_switch.arm(policy()));
  auto other = opened();
  BOOST_TEST(!good(other.adopt(with_uplinks())));
  BOOST_TEST(!other.stopped().has_value());
  BOOST_TEST(good(other.adopt(policy())));
  (void)send({"203.0.113.1", 1000, "eth0"});
  BOOST_TEST(good(other.stopped()).v4.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_bell_rings_with_each_change_of_the_rules, Switched) {
  const auto bell = good(open_ruleset_bell(client.opener()));
  BOOST_TEST(!drain_ruleset_bell(bell.get()));
  client.run("nft add table inet mine");
  BOOST_TEST(drain_ruleset_bell(bell.get()));
  BOOST_TEST(!drain_ruleset_bell(bell.get()));
  client.run("nft flush ruleset");
  BOOST_TEST(drain_ruleset_bell(bell.get()));
}

BOOST_FIXTURE_TEST_CASE(a_bell_for_one_table_does_not_ring_for_others, Switched) {
  constexpr auto name = "vpn-sentinel-test-killswitch";
  const auto bell = good(open_ruleset_bell(client.opener()));
  client.run("nft add table inet mine '{ set s { type ipv4_addr; elements = { 192.0.2.9 }; }; chain c { ip daddr @s drop; }; }'");
  BOOST_TEST(!drain_ruleset_bell(bell.get(), name));
  auto kill_switch = opened();
  (void)good(kill_switch.arm(with_uplinks()));
  BOOST_TEST(drain_ruleset_bell(bell.get(), name));
  for (const std::string change :
       {"add rule inet vpn-sentinel-test-killswitch outside accept", "flush chain inet vpn-sentinel-test-killswitch seen",
        "reset counters table inet vpn-sentinel-test-killswitch", "delete table inet vpn-sentinel-test-killswitch", "flush ruleset"}) {
    client.run("nft add table inet mine && nft add chain inet mine d && nft delete table inet mine");
    BOOST_TEST(!drain_ruleset_bell(bell.get(), name));
    client.run("nft " + change + " >/dev/null");
    const bool rang = drain_ruleset_bell(bell.get(), name);
    // To reset a counter changes no rule, and is told by some kernels only.
    if (!change.starts_with("reset")) BOOST_TEST(rang, change);
    if (!tables().empty()) continue;
    (void)good(kill_switch.arm(with_uplinks()));
    (void)drain_ruleset_bell(bell.get(), name);
  }
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

BOOST_FIXTURE_TEST_CASE(after_disarming_the_ruleset_is_byte_for_byte_what_it_was, Switched) {
  client.run(
      "nft add table inet mine '{ set s { type ipv4_addr; elements = { 192.0.2.9 }; }; chain c { type filter hook output priority 0; ip "
      "daddr "
      "@s drop; }; }' && nft add table ip nat");
  const auto before = client.output_of("nft -a list ruleset");
  auto kill_switch = opened();
  for (int i = 0; i < 3; ++i) {
    (void)good(kill_switch.arm(with_uplinks()));
    BOOST_TEST(client.output_of("nft -a list ruleset") != before);
    BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
    BOOST_TEST(client.output_of("nft -a list ruleset") == before);
  }
  BOOST_TEST(kill_switch.disarm().has_value());  // once more is no error
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(it_stays_closed_when_its_process_is_killed_and_the_next_start_adopts_it, Switched) {
  const auto child = ::fork();
  if (child == 0) {
    auto kill_switch = opened();
    ::kill(::getpid(), kill_switch.arm(with_uplinks()) ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WTERMSIG(status) == SIGKILL);
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
  auto kill_switch = opened();
  BOOST_TEST((good(kill_switch.status(with_uplinks())).state == State::armed));
  BOOST_TEST(good(kill_switch.arm(with_uplinks())).adopted);
  BOOST_TEST(good(kill_switch.stopped()).outside().packets >= 10U);
  BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
  BOOST_TEST(tables().empty());
}

BOOST_FIXTURE_TEST_CASE(two_that_arm_the_same_in_one_moment_have_it_once, Switched) {
  auto one = opened();
  auto other = opened();
  for (int i = 0; i < 40; ++i) {
    std::atomic<int> ready{0};
    const auto arm = [&](KillSwitch& kill_switch) {
      ++ready;
      while (ready < 2) continue;
      return kill_switch.arm(with_uplinks());
    };
    std::optional<Error> problem;
    std::thread second([&] {
      if (auto done = arm(other); !done) problem = done.error();
    });
    const auto first = arm(one);
    second.join();
    BOOST_TEST(first.has_value(), why(first));
    BOOST_TEST(!problem.has_value(), (problem ? problem->message : std::string()));
    BOOST_TEST((good(one.status(with_uplinks())).state == State::armed));
    BOOST_TEST_REQUIRE(one.disarm().has_value());
  }
}

BOOST_FIXTURE_TEST_CASE(another_policy_replaces_what_was_there_without_a_gap, Switched) {
  auto kill_switch = opened();
  (void)good(kill_switch.arm(with_uplinks()));
  auto other = policy();
  other.endpoints.push_back({IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 1000, 0});
  BOOST_TEST((good(kill_switch.status(other)).state == State::changed));
  BOOST_TEST(!good(kill_switch.arm(other)).adopted);
  BOOST_TEST((good(kill_switch.status(other)).state == State::armed));
  BOOST_TEST(tables().find("netdev") == std::string::npos);
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.1", 1001, "eth0"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(what_others_do_to_it_is_told_and_repaired, Switched) {
  auto kill_switch = opened();
  BOOST_TEST((good(kill_switch.status(policy())).state == State::off));
  (void)good(kill_switch.arm(policy()));
  client.run("nft insert rule inet vpn-sentinel-test-killswitch outside accept");
  auto status = good(kill_switch.status(policy()));
  BOOST_TEST((status.state == State::changed));
  BOOST_TEST(status.difference.find("rule 1 of chain 'outside' is not ours") != std::string::npos, status.difference);
  client.run("nft flush table inet vpn-sentinel-test-killswitch");
  BOOST_TEST((good(kill_switch.status(policy())).state == State::changed));
  // Without rules the policy of the chains holds.
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
  client.run("nft flush ruleset");
  BOOST_TEST((good(kill_switch.status(policy())).state == State::off));
  BOOST_TEST(!good(kill_switch.arm(policy())).adopted);
  BOOST_TEST((good(kill_switch.status(policy())).state == State::armed));
}

BOOST_FIXTURE_TEST_CASE(without_its_second_table_it_is_armed_and_says_that_the_uplinks_are_not_held, Switched) {
  auto kill_switch = opened();
  if (good(kill_switch.arm(with_uplinks())).egress_gap) return;
  client.run("nft delete table netdev vpn-sentinel-test-killswitch");
  const auto status = good(kill_switch.status(with_uplinks()));
  BOOST_TEST((status.state == State::armed));
  BOOST_TEST(!status.holds_uplinks);
  BOOST_TEST(status.difference.find("netdev vpn-sentinel-test-killswitch is gone") != std::string::npos, status.difference);
  BOOST_TEST(!good(kill_switch.arm(with_uplinks())).adopted);
  BOOST_TEST(good(kill_switch.status(with_uplinks())).holds_uplinks);
}

BOOST_FIXTURE_TEST_CASE(the_largest_policy_is_armed_and_taken_away, Switched) {
  auto kill_switch = opened();
  const auto wanted = largest_policy();
  for (const auto& uplink : wanted.uplinks) client.run(fmt::format("ip link add {} type veth peer name {}x", uplink, uplink.substr(7)));
  BOOST_TEST(!good(kill_switch.arm(wanted)).adopted);
  BOOST_TEST((good(kill_switch.status(wanted)).state == State::armed));
  BOOST_TEST(good(kill_switch.arm(wanted)).adopted);
  BOOST_TEST(kill_switch.disarm().has_value());
  BOOST_TEST(tables().empty());
}

BOOST_FIXTURE_TEST_CASE(a_prepared_one_drops_nothing_until_it_is_armed, Switched) {
  const auto before = client.output_of("nft list ruleset");
  auto kill_switch = opened();
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  BOOST_TEST((good(kill_switch.status(with_uplinks())).state == State::prepared));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(arrived() == 1U);
  BOOST_TEST(!good(kill_switch.arm(with_uplinks())).adopted);
  BOOST_TEST((good(kill_switch.status(with_uplinks())).state == State::armed));
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
  // To prepare again would open it.
  BOOST_TEST((kill_switch.prepare(with_uplinks()).error().kind == Error::Kind::failed));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
  BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
  BOOST_TEST(client.output_of("nft list ruleset") == before);
}

BOOST_FIXTURE_TEST_CASE(what_others_did_to_a_prepared_one_does_not_keep_it_open, Switched) {
  for (const auto* change : {"nft flush ruleset", "nft flush chain inet vpn-sentinel-test-killswitch outside",
                             "nft insert rule inet vpn-sentinel-test-killswitch outside accept"}) {
    auto kill_switch = opened();
    BOOST_TEST_REQUIRE(kill_switch.prepare(policy()).has_value());
    client.run(change);
    BOOST_TEST(!good(kill_switch.arm(policy())).adopted);
    BOOST_TEST((good(kill_switch.status(policy())).state == State::armed));
    BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
    BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
  }
}

BOOST_FIXTURE_TEST_CASE(a_dormant_table_is_no_armed_kill_switch, Switched) {
  auto kill_switch = opened();
  (void)good(kill_switch.arm(policy()));
  client.run("nft add table inet vpn-sentinel-test-killswitch '{ flags dormant; }'");
  BOOST_TEST((good(kill_switch.status(policy())).state == State::changed));
}

BOOST_FIXTURE_TEST_CASE(a_protected_one_is_its_owners_and_anybodys_after_the_owners_end, Switched) {
  auto other = opened();
  {
    auto owner = opened(true);
    (void)good(owner.arm(with_uplinks()));
    client.run("nft flush ruleset");
    if (tables().empty()) {
      BOOST_TEST_MESSAGE("SKIPPED: this kernel does not protect tables that stay (before Linux 6.9)");
      return;
    }
    try_to_leave();
    BOOST_TEST(arrived() == 0U);
    BOOST_TEST((other.disarm().error().kind == Error::Kind::not_permitted));
    BOOST_TEST((disarm_all(client.opener()).error().kind == Error::Kind::not_permitted));
    BOOST_TEST((good(other.status(with_uplinks())).state == State::armed));
  }
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
  {
    auto next = opened(true);
    (void)good(next.arm(with_uplinks()));
    BOOST_TEST((other.disarm().error().kind == Error::Kind::not_permitted));
    BOOST_TEST(next.disarm().has_value());
    (void)good(next.arm(with_uplinks()));
  }
  BOOST_TEST(other.disarm().has_value());
  BOOST_TEST(tables().empty());
}

BOOST_FIXTURE_TEST_CASE(what_was_only_prepared_can_be_taken_away_alone, Switched) {
  auto kill_switch = opened();
  BOOST_TEST(!good(kill_switch.remove_prepared()));
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  auto other = opened();
  BOOST_TEST(good(other.remove_prepared()));
  BOOST_TEST(tables().empty());
  (void)good(kill_switch.arm(with_uplinks()));
  BOOST_TEST(!good(other.remove_prepared()));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(meters_that_nobody_owns_are_taken_away_and_others_stay, Switched) {
  const auto meter = LeakMeter::install(client.opener(), "mine", policy());
  BOOST_TEST_REQUIRE(meter.has_value());
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table netdev vpn-sentinel-x-meter && nft add table inet other-meter");
  BOOST_TEST(good(remove_left_meters(client.opener())) == (meter->is_owned() ? 2U : 3U));
  const auto left = tables();
  BOOST_TEST(left.find("vpn-sentinel-x-meter") == std::string::npos, left);
  BOOST_TEST(left.find("other-meter") != std::string::npos, left);
  BOOST_TEST((left.find("vpn-sentinel-mine-meter") != std::string::npos) == meter->is_owned(), left);
}

BOOST_FIXTURE_TEST_CASE(all_can_be_taken_away_at_once_and_nothing_else_is, Switched) {
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table inet vpn-sentinel && nft add table ip vpn-sentinel-a-killswitch");
  const auto before = client.output_of("nft list ruleset");
  for (const auto* id : {"a", "b-2"}) {
    auto kill_switch = KillSwitch::open(client.opener(), id).value();
    (void)good(kill_switch.arm(with_uplinks()));
  }
  const auto removed = good(disarm_all(client.opener()));
  BOOST_TEST((removed == 2U || removed == 4U));
  BOOST_TEST(client.output_of("nft list ruleset") == before);
  BOOST_TEST(good(disarm_all(client.opener())) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
