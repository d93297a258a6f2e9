#include "netns/firewall/ruleset_audit.hpp"

#include <boost/test/unit_test.hpp>

#include "netns/firewall/kill_switch.hpp"
#include "tests/unit/netns/support/unit_rights.hpp"
#include "tests/unit/netns_firewall/audited_namespace.hpp"

using namespace vpn_sentinel;
using audit::AuditVerdict;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

std::string told(const audit::Audit& audit) {
  std::string text = audit.verdict == AuditVerdict::holds ? "holds" : audit.verdict == AuditVerdict::lets_out ? "lets out" : "undecided";
  for (const auto& reason : audit.reasons) text += "\n  " + reason;
  return text;
}

void require(AuditedNamespace& space, AuditVerdict wanted) {
  const auto audit = space.audit();
  BOOST_TEST((audit.verdict == wanted), told(audit));
}

bool mentions(const audit::Audit& audit, std::string_view words) { return told(audit).find(words) != std::string::npos; }

constexpr std::string_view output = "type filter hook output priority 0; policy drop; oif lo accept; oifname tun0 accept;";

std::string table(std::string_view rules) { return fmt::format("table inet t {{\nchain out {{\n{} {}\n}}\n}}\n", output, rules); }

void gluetun(const AuditedNamespace& space) {
  for (const auto* iptables : {"iptables", "ip6tables"}) {
    space.run(
        fmt::format("{0} -P INPUT DROP; {0} -P FORWARD DROP; {0} -P OUTPUT DROP; {0} -A INPUT -i lo -j ACCEPT; "
                    "{0} -A OUTPUT -o lo -j ACCEPT; {0} -A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; "
                    "{0} -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; {0} -A OUTPUT -o tun0 -j ACCEPT",
                    iptables));
  }
  space.run(
      "iptables -A OUTPUT -o eth0 -s 192.0.2.1 -d 10.0.0.0/8 -j ACCEPT; iptables -A OUTPUT -d 198.51.100.2 -o eth0 -p udp -m udp "
      "--dport 51820 -j ACCEPT; ip6tables -A OUTPUT -o eth0 -d ff02::1:ff00:0/104 -j ACCEPT");
}

/// The shape of the table that the Mullvad app makes (talpid-core/src/firewall/linux.rs).
constexpr std::string_view mullvad = R"(
table inet mullvad {
  chain prerouting { type filter hook prerouting priority -199; policy accept; iif != "tun0" ct mark 0x00000f41 meta mark set 0x6d6f6c65
  }
  chain output {
    type filter hook output priority 0; policy drop;
    oif "lo" accept
    udp sport 68 ip daddr 255.255.255.255 udp dport 67 accept
    ip6 saddr fe80::/10 udp sport 546 ip6 daddr ff02::1:2 udp dport 547 accept
    ip6 daddr ff02::2 icmpv6 type nd-router-solicit icmpv6 code no-route accept
    ip6 daddr ff02::1:ff00:0/104 icmpv6 type nd-neighbor-solicit icmpv6 code no-route accept
    ip6 daddr fe80::/10 icmpv6 type nd-neighbor-solicit icmpv6 code no-route accept
    ip6 daddr fe80::/10 icmpv6 type nd-neighbor-advert icmpv6 code no-route accept
    ct mark 0x00000f41 accept
    ip daddr 198.51.100.2 udp dport 51820 meta mark 0x6d6f6c65 accept
    oifname "tun0" udp dport 53 ip daddr 10.64.0.1 accept
    udp dport 53 reject
    tcp dport 53 reject with tcp reset
    oifname "tun0" accept
    ip daddr 10.0.0.0/8 accept
    ip daddr 172.16.0.0/12 accept
    ip daddr 192.168.0.0/16 accept
    ip6 daddr fe80::/10 accept
    reject
  }
  chain mangle { type route hook output priority mangle; policy accept; meta cgroup 5087041 ct mark set 0x00000f41 meta mark set 0x6d6f6c65
  }
  chain nat { type nat hook postrouting priority 100; policy accept; oif "tun0" ct mark 0x00000f41 drop; oif != "lo" ct mark 0x00000f41 masquerade
  }
}
)";

}  // namespace

BOOST_AUTO_TEST_SUITE(ruleset_audit)

BOOST_AUTO_TEST_CASE(without_rules_everything_passes) {
  AuditedNamespace space;
  const auto audit = space.audit();
  BOOST_TEST((audit.verdict == AuditVerdict::lets_out), told(audit));
  BOOST_TEST(!audit.anything_held);
  BOOST_TEST(mentions(audit, "there is no rule on the way out"));
}

BOOST_AUTO_TEST_CASE(who_logs_and_accepts_lets_out_whatever_the_policy) {
  AuditedNamespace space;
  space.load(table("counter log prefix \"out\" accept"));
  const auto audit = space.audit();
  BOOST_TEST((audit.verdict == AuditVerdict::lets_out), told(audit));
  BOOST_TEST(!audit.anything_held);
  BOOST_TEST(mentions(audit, "everything passes (rule 3 of chain out in table inet t)"), told(audit));
}

BOOST_AUTO_TEST_CASE(gluetuns_rules_hold_once_its_server_is_known) {
  AuditedNamespace space;
  gluetun(space);
  require(space, AuditVerdict::holds);
  auto question = space.question();
  question.not_outside = standard_local_networks();
  const auto unknown = space.audit(question);
  BOOST_TEST((unknown.verdict == AuditVerdict::lets_out), told(unknown));
  BOOST_TEST(unknown.anything_held);
  BOOST_TEST(mentions(unknown, "198.51.100.2"));
  space.run("ip6tables -P OUTPUT ACCEPT");
  const auto half = space.audit();
  BOOST_TEST((half.verdict == AuditVerdict::lets_out), told(half));
  BOOST_TEST(mentions(half, "IPv6 by eth0: everything passes"));
  question = space.question();
  question.v6 = false;
  BOOST_TEST((space.audit(question).verdict == AuditVerdict::holds));
}

BOOST_AUTO_TEST_CASE(mullvads_table_holds) {
  AuditedNamespace space;
  space.load(std::string(mullvad));
  require(space, AuditVerdict::holds);
}

BOOST_AUTO_TEST_CASE(our_own_kill_switch_holds_and_the_meter_lets_out) {
  AuditedNamespace space;
  auto policy = TwoUplinks::policy();
  policy.uplinks = {"eth0", "eth1"};
  policy.allowed.emplace_back().uids = AllowedUids{1000, 2005};
  policy.allowed.emplace_back().mark = 0x77;
  policy.allowed.back().mark_mask = 0xff;
  auto question = space.question();
  question.not_outside = policy.local_networks;
  question.users = {{1000, 2005}};
  question.not_outside.push_back(IpPrefix::parse("198.51.100.2").value());
  {
    auto tables = OutsideTables::open(space.net.client.opener(), OutsideAction::count, "t", 0);
    BOOST_REQUIRE(tables.has_value());
    const auto installed = tables->install(policy);
    BOOST_REQUIRE_MESSAGE(installed.has_value(), why(installed));
    const auto metered = space.audit(question);
    BOOST_TEST((metered.verdict == AuditVerdict::lets_out), told(metered));
  }
  auto tables = OutsideTables::open(space.net.client.opener(), OutsideAction::drop, "t", 0);
  BOOST_REQUIRE(tables.has_value());
  const auto installed = tables->install(policy);
  BOOST_REQUIRE_MESSAGE(installed.has_value(), why(installed));
  const auto armed = space.audit(question);
  BOOST_TEST((armed.verdict == AuditVerdict::holds), told(armed));
}

BOOST_AUTO_TEST_CASE(wg_quicks_example_holds) {
  AuditedNamespace space;
  // wg-quick(8), PostUp of the kill-switch.
  for (const auto* iptables : {"iptables", "ip6tables"}) {
    space.run(fmt::format("{} -I OUTPUT ! -o tun0 -m mark ! --mark 0xca6c -m addrtype ! --dst-type LOCAL -j REJECT", iptables));
  }
  require(space, AuditVerdict::holds);
}

BOOST_AUTO_TEST_CASE(a_hole_is_found_and_told) {
  AuditedNamespace space;
  const auto hole = [&](std::string_view rules, std::string_view words) {
    space.load(table(rules));
    const auto audit = space.audit();
    BOOST_TEST((audit.verdict == AuditVerdict::lets_out), std::string(rules) + ": " + told(audit));
    BOOST_TEST(audit.anything_held);
    BOOST_TEST(mentions(audit, words), std::string(rules) + ": " + told(audit));
  };
  hole("meta skuid 1000 accept", "user 1000");
  hole("meta skuid 2000-3000 accept", "user 2000");
  hole("tcp dport 22 accept", "TCP to port 22");
  hole("udp dport { 123, 3478 } accept", "UDP to port 123");
  hole("tcp dport 8000-9000 meta skuid 7 accept", "TCP to port 8000");
  hole("ip daddr 203.0.113.9 accept", "203.0.113.9");
  hole("ip daddr 203.0.113.0/24 tcp dport 25 accept", "TCP to port 25 at 203.0.113");
  hole("ip6 daddr 2001:db8:77::/48 accept", "2001:db8:77:");
  hole("ip daddr . tcp dport { 203.0.113.9 . 993 } accept", "TCP to port 993 at 203.0.113.9");
  hole("icmp type echo-request accept", "ping");
  hole("ip protocol esp accept", "protocol 50");
  hole("meta skuid vmap { 33 : accept, 34 : drop }", "user 33");
  hole("meta skuid != 33 drop; accept", "user 33");
  hole("ct state new tcp dport 443 accept", "TCP to port 443");
}

BOOST_AUTO_TEST_CASE(what_only_marked_packets_established_connections_and_local_ones_may_do_is_no_hole) {
  AuditedNamespace space;
  for (const std::string_view rules :
       {"meta mark 0x1234 accept", "ct state established,related accept", "ip daddr { 10.0.0.0/8, 192.168.0.0/16 } accept",
        "ip daddr 198.51.100.2 udp dport 1194 accept", "ip6 daddr { fe80::/10, fc00::/7 } accept", "fib daddr type local accept",
        "udp sport 68 udp dport 67 accept", "oifname \"tun*\" accept", "ip daddr 10.0.0.0-10.255.255.255 accept", "oif != eth0 accept"}) {
    space.load(table(rules));
    const auto audit = space.audit();
    BOOST_TEST((audit.verdict == AuditVerdict::holds), std::string(rules) + ": " + told(audit));
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_decided_is_undecided_only_where_it_matters) {
  AuditedNamespace space;
  for (const std::string_view rules : {"limit rate 1/second accept", "ip saddr 192.0.2.1 accept", "numgen random mod 2 0 accept",
                                       "meta length < 100 accept", "ct count over 5 accept"}) {
    space.load(table(rules));
    const auto audit = space.audit();
    BOOST_TEST((audit.verdict == AuditVerdict::undecided), std::string(rules) + ": " + told(audit));
    BOOST_TEST(mentions(audit, "chain out in table inet t"), told(audit));
  }
  for (const std::string_view rules : {"limit rate 1/second drop", "ip saddr 192.0.2.1 drop", "limit rate 1/second log"}) {
    space.load(table(rules));
    const auto audit = space.audit();
    BOOST_TEST((audit.verdict == AuditVerdict::holds), std::string(rules) + ": " + told(audit));
  }
  space.load("table inet t { chain out { type filter hook output priority 0; limit rate 1/second drop\n}\n}\n");
  require(space, AuditVerdict::undecided);
  space.load(
      "table inet t { set s { type ipv4_addr; flags timeout; }\nchain out { type filter hook output priority 0; policy drop; "
      "ip daddr @s accept\n}\n}\n");
  require(space, AuditVerdict::undecided);
}

BOOST_AUTO_TEST_CASE(a_dormant_table_holds_nothing_and_another_device_is_another_question) {
  AuditedNamespace space;
  space.load("table inet t { flags dormant; chain out { type filter hook output priority 0; policy drop;\n}\n}\n");
  require(space, AuditVerdict::lets_out);
  space.load("table inet t { chain out { type filter hook output priority 0; oifname eth1 drop\n}\n}\n");
  require(space, AuditVerdict::lets_out);
  auto question = space.question();
  question.uplinks = {{"eth1", 0}};
  BOOST_TEST((space.audit(question).verdict == AuditVerdict::holds));
  space.load("table netdev t { chain out { type filter hook egress device eth0 priority 0; policy drop;\n}\n}\n");
  require(space, AuditVerdict::holds);
  BOOST_TEST((space.audit(question).verdict == AuditVerdict::lets_out));
}

BOOST_AUTO_TEST_CASE(users_that_may_bypass_the_tunnel_on_purpose_are_no_hole) {
  AuditedNamespace space;
  space.load(table("meta skuid 1000 accept; meta skuid 1001-1005 accept"));
  auto question = space.question();
  question.users = {{1000, 1000}, {1001, 1010}};
  const auto audit = space.audit(question);
  BOOST_TEST((audit.verdict == AuditVerdict::holds), told(audit));
}

BOOST_AUTO_TEST_CASE(rules_of_the_old_iptables_leave_it_undecided) {
  AuditedNamespace space;
  BOOST_TEST(audit::read_legacy_tables(space.net.client.get()).value().empty());
  if (!space.net.client.try_run("iptables-legacy -P OUTPUT DROP 2>/dev/null")) {
    BOOST_TEST_MESSAGE("SKIPPED: this kernel or system has no iptables-legacy");
    return;
  }
  auto question = space.question();
  question.legacy = audit::read_legacy_tables(space.net.client.get()).value();
  BOOST_TEST_REQUIRE(question.legacy == std::vector<std::string>{"ip filter"}, boost::test_tools::per_element());
  const auto audit = space.audit(question);
  BOOST_TEST((audit.verdict == AuditVerdict::undecided));
  BOOST_TEST(mentions(audit, "ip filter"));
}

BOOST_AUTO_TEST_CASE(tables_of_the_old_iptables_are_read_by_who_is_not_root_and_whose_rights_rest) {
  AuditedNamespace space;
  with_rights_of_a_unit([&] {
    const auto legacy = audit::read_legacy_tables(space.net.client.get());
    BOOST_TEST(legacy.has_value(), why(legacy));
  });
}

BOOST_AUTO_TEST_CASE(too_many_rules_are_undecided_and_not_read_to_their_end) {
  AuditedNamespace space;
  std::string rules;
  for (int i = 0; i < 300; ++i) rules += fmt::format("ip daddr 10.0.{}.{} drop;", i / 200, i % 200);
  space.load(table(rules));
  require(space, AuditVerdict::holds);
  audit::Limits limits;
  limits.rules = 200;
  const auto cut = audit::read_whole_ruleset(space.nft, limits).value();
  BOOST_TEST((audit_ruleset(cut, space.question()).verdict == AuditVerdict::undecided));
  BOOST_TEST((audit_ruleset(space.ruleset(), space.question(), 100).verdict == AuditVerdict::undecided));
}

BOOST_AUTO_TEST_SUITE_END()
