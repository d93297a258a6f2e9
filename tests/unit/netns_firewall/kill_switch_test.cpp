#include "netns/firewall/kill_switch.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "netns/firewall/ruleset_bell.hpp"
#include "tests/unit/netns_firewall/largest_policy.hpp"
#include "tests/unit/netns_firewall/switched.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

using State = KillSwitchStatus::State;

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

BOOST_AUTO_TEST_SUITE_END()
