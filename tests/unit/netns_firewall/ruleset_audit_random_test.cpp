// Random small rulesets, what the audit says about them, and packets that are really sent: where it "holds" none may come out of the
// uplink, where it "lets out" one of those that it names must.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "tests/unit/netns_firewall/audited_namespace.hpp"

using namespace vpn_sentinel;
using audit::AuditVerdict;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

const std::vector<std::string> addresses_v4{"203.0.113.7", "203.0.113.200", "198.51.100.9"};
const std::vector<std::string> addresses_v6{"2001:db8:77::7", "2001:db8:99::1"};
const std::vector<uid_t> users{0, 1000, 1007, 54321};
const std::vector<std::uint16_t> ports{443, 53, 22, 8080};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>{0, count - 1}(engine_); }
  bool one_in(std::size_t count) { return below(count) == 0; }
  std::string_view any(std::initializer_list<std::string_view> of) { return of.begin()[below(of.size())]; }
  template <typename T>
  const T& any(const std::vector<T>& of) {
    return of[below(of.size())];
  }

 private:
  std::mt19937 engine_;
};

class RandomRules {
 public:
  explicit RandomRules(unsigned seed) : random_(seed) {}

  std::string make() {
    std::string text;
    const auto tables = 1 + random_.below(2);
    for (std::size_t i = 0; i < tables; ++i) text += table(i);
    if (random_.one_in(6)) text += egress();
    return text;
  }

 private:
  std::string match() {
    switch (random_.below(24)) {
      case 0:
        return fmt::format("oifname {}\"eth0\"", random_.any({"", "!= "}));
      case 1:
        return fmt::format("oif {}{}", random_.any({"", "!= "}), random_.any({"lo", "eth0", "eth1"}));
      case 2:
        return fmt::format("meta skuid {}{}", random_.any({"", "!= ", "< ", ">= "}), random_.any(users));
      case 3:
        return fmt::format("meta skuid {}1000-1010", random_.any({"", "!= "}));
      case 4:
        return fmt::format("tcp dport {}{}", random_.any({"", "!= ", "> "}), random_.any(ports));
      case 5:
        return fmt::format("udp dport {}{{ 53, 8080, 100-400 }}", random_.any({"", "!= "}));
      case 6:
        return fmt::format("th dport {}", random_.any(ports));
      case 7:
        return fmt::format("ip daddr {}203.0.113.{}", random_.any({"", "!= "}), random_.any({"7", "0/24", "128/25", "7-100"}));
      case 8:
        return "ip daddr { 203.0.113.0/26, 198.51.100.9, 10.0.0.0/8 }";
      case 9:
        return fmt::format("ip6 daddr {}2001:db8:{}", random_.any({"", "!= "}), random_.any({"77::/48", "99::1", "77::7-2001:db8:88::"}));
      case 10:
        return fmt::format("meta l4proto {}", random_.any({"tcp", "udp", "icmp", "ipv6-icmp", "!= tcp", "{ tcp, udp }"}));
      case 11:
        return fmt::format("meta nfproto {}", random_.any({"ipv4", "ipv6"}));
      case 12:
        return fmt::format("ct state {}", random_.any({"new", "established,related", "invalid", "!= new", "{ new, untracked }"}));
      case 13:
        return fmt::format("meta mark {}{}", random_.any({"", "!= "}), random_.any({"0", "1", "7"}));
      case 14:
        return "meta mark & 0x3 == 0x1";
      case 15:
        return fmt::format("icmp type {}", random_.any({"echo-request", "!= echo-request", "echo-reply"}));
      case 16:
        return "ip daddr . tcp dport { 203.0.113.7 . 443, 198.51.100.9 . 22 }";
      case 17:
        return "ip daddr . udp dport { 203.0.113.0/24 . 50-60, 10.0.0.0/8 . 1-65535 }";
      case 18:
        return fmt::format("fib daddr type {}", random_.any({"local", "unicast", "!= local"}));
      case 19:
        return fmt::format("ip protocol {}", random_.any({"udp", "tcp", "!= icmp"}));
      case 20:
        return fmt::format("iifname {}\"eth1\"", random_.any({"", "!= "}));
      case 21:
        return "meta length < 2000";
      case 22:
        return fmt::format("tcp flags {}", random_.any({"syn", "& (syn|ack) == syn", "& ack != 0"}));
      default:
        return fmt::format("meta skuid . th dport {{ 1000 . 443, 0 . 53 }}");
    }
  }

  std::string action(std::size_t chains) {
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2:
        return "accept";
      case 3:
      case 4:
      case 5:
        return "drop";
      case 6:
        return "counter reject";
      case 7:
        return "return";
      case 8:
        return chains > 0 ? fmt::format("jump c{}", random_.below(chains)) : "counter";
      case 9:
        return chains > 0 ? fmt::format("goto c{}", random_.below(chains)) : "log";
      case 10:
        return fmt::format("meta mark set {}", random_.any({"1", "7", "meta mark | 0x1", "0"}));
      default:
        return "counter";
    }
  }

  std::string rules(std::size_t chains) {
    std::string text;
    const auto count = random_.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      if (random_.one_in(10)) {
        text += fmt::format("meta skuid vmap {{ 1000 : accept, 0 : {}, 54321 : continue }}\n", random_.any({"drop", "return", "accept"}));
        continue;
      }
      const auto matches = random_.below(3);
      for (std::size_t j = 0; j < matches; ++j) text += match() + " ";
      text += action(chains) + "\n";
    }
    return text;
  }

  std::string table(std::size_t number) {
    auto text = fmt::format("table inet t{} {{\n", number);
    const auto helpers = random_.below(3);
    for (std::size_t i = 0; i < helpers; ++i) text += fmt::format("chain c{} {{\n{}}}\n", i, rules(i));
    const auto bases = 1 + random_.below(2);
    for (std::size_t i = 0; i < bases; ++i) {
      const auto hook = random_.any({"output", "output", "output", "postrouting"});
      const auto priority = random_.any({"0", "0", "-150", "-300", "300"});
      const auto type = hook == "output" && random_.one_in(4) ? "route" : "filter";
      const auto policy = random_.any({"drop", "drop", "accept"});
      text += fmt::format("chain b{} {{\ntype {} hook {} priority {}; policy {};\n{}}}\n", i, type, hook, priority, policy, rules(helpers));
    }
    return text + "}\n";
  }

  std::string egress() {
    return fmt::format(
        "table netdev e {{\nchain e {{\ntype filter hook egress device {} priority 0; policy {};\n{} accept\nmeta protocol ip {}\n}}\n}}\n",
        random_.any({"eth0", "eth1"}), random_.any({"accept", "drop"}), "meta protocol arp", random_.any({"drop", "accept", "counter"}));
  }

  Random random_;
};

/// The same for iptables-nft, as iptables-restore(8) reads it; each family has its own tables.
class RandomIptables {
 public:
  explicit RandomIptables(unsigned seed) : random_(seed) {}

  std::string make(Family family) {
    family_ = family;
    auto text = fmt::format("*filter\n:OUTPUT {}\n:A -\n:B -\n", random_.any({"DROP", "DROP", "ACCEPT"}));
    for (const auto chain : {"OUTPUT", "A", "B"}) text += rules(chain, chain[0] == 'O');
    text += "COMMIT\n";
    if (random_.one_in(3)) text += fmt::format("*mangle\n:OUTPUT ACCEPT\n{}COMMIT\n", mangle());
    return text;
  }

 private:
  std::string match() {
    const bool v4 = family_ == Family::v4;
    switch (random_.below(14)) {
      case 0:
        return fmt::format("{} -o {}", random_.any({"", "!"}), random_.any({"eth0", "eth1", "eth+", "lo"}));
      case 1:
        return fmt::format("-m owner {} --uid-owner {}", random_.any({"", "!"}), random_.any({"0", "1000", "1000-1010", "54321"}));
      case 2:
        return fmt::format("-m conntrack {} --ctstate {}", random_.any({"", "!"}),
                           random_.any({"NEW", "ESTABLISHED,RELATED", "INVALID,NEW", "DNAT"}));
      case 3:
        return fmt::format("-m mark {} --mark {}", random_.any({"", "!"}), random_.any({"0", "1", "0x0/0x1", "7"}));
      case 4:
        return fmt::format("-p tcp -m tcp {} --dport {}", random_.any({"", "!"}), random_.any({"443", "22", "50:500"}));
      case 5:
        return fmt::format("-p udp -m udp {} --dport {}", random_.any({"", "!"}), random_.any({"53", "8080", "400:9000"}));
      case 6:
        return fmt::format("-p {} -m multiport {} --dports {}", random_.any({"tcp", "udp"}), random_.any({"", "!"}),
                           random_.any({"22,443", "50:60,8080"}));
      case 7:
        return fmt::format("-m addrtype {} --dst-type {}", random_.any({"", "!"}), random_.any({"LOCAL", "UNICAST", "MULTICAST"}));
      case 8:
        return v4 ? "-p icmp -m icmp --icmp-type 8" : "-p icmpv6 -m icmp6 --icmpv6-type 128";
      case 9:
      case 10:
        if (v4)
          return fmt::format("{} -d {}", random_.any({"", "!"}),
                             random_.any({"203.0.113.7", "203.0.113.0/25", "198.51.0.0/16", "10.0.0.0/8"}));
        return fmt::format("{} -d {}", random_.any({"", "!"}),
                           random_.any({"2001:db8:77::7", "2001:db8:77::/48", "2001:db8::/32", "fe80::/10"}));
      case 11:
        return "-m comment --comment words";
      case 12:
        return "-p tcp -m tcp --syn";
      default:
        return fmt::format("-p {}", random_.any({"tcp", "udp", "all"}));
    }
  }

  std::string rules(std::string_view chain, bool may_jump) {
    std::string text;
    const auto count = random_.below(5);
    for (std::size_t i = 0; i < count; ++i) {
      text += fmt::format("-A {}", chain);
      const auto matches = random_.below(3);
      for (std::size_t j = 0; j < matches; ++j) text += " " + match();
      const auto target = may_jump ? random_.any({"-j ACCEPT", "-j DROP", "-j REJECT", "-j A", "-g B", "-j RETURN", "-j LOG"})
                                   : random_.any({"-j ACCEPT", "-j DROP", "-j REJECT", "-j RETURN"});
      text += fmt::format(" {}\n", target);
    }
    return text;
  }

  std::string mangle() {
    return fmt::format("-A OUTPUT {} -j MARK --set-xmark {}\n", match(), random_.any({"0x1/0xffffffff", "0x7/0x7", "0x0/0x1"}));
  }

  Random random_;
  Family family_ = Family::v4;
};

std::vector<Sent> all_packets() {
  std::vector<Sent> packets;
  const auto add = [&](const std::string& to) {
    for (const auto user : users) {
      for (const auto port : ports) {
        packets.push_back({to, IPPROTO_UDP, port, user});
        packets.push_back({to, IPPROTO_TCP, port, user});
      }
      packets.push_back({to, IPPROTO_ICMP, 0, user});
    }
  };
  for (const auto& to : addresses_v4) add(to);
  for (const auto& to : addresses_v6) add(to);
  return packets;
}

unsigned seeds() {
  const char* const text = std::getenv("VPN_SENTINEL_AUDIT_SEEDS");
  return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : 60;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ruleset_audit_random)

namespace {

/// What was foretold of packets, held against what they did.
struct Tally {
  int holds = 0;
  int lets_out = 0;
  int undecided = 0;
  int sure = 0;
  int unsure = 0;
  std::mt19937 pick{7};
  std::vector<Sent> packets = all_packets();

  void compare(AuditedNamespace& space, const std::string& rules) {
    const auto ruleset = space.ruleset();
    auto question = space.question();
    question.not_outside = standard_local_networks();
    const auto audit = audit_ruleset(ruleset, question);
    (audit.verdict == AuditVerdict::holds ? holds : audit.verdict == AuditVerdict::lets_out ? lets_out : undecided)++;
    for (int i = 0; i < 12; ++i) {
      const auto& sent = packets[pick() % packets.size()];
      const auto fate = audit::fate_of(ruleset, question, question.uplinks.front(), IpAddress::parse(sent.to).value(), sent.protocol,
                                       sent.port, sent.user);
      const bool left = space.leaves(sent);
      const auto words = fmt::format("{} protocol {} port {} user {} {}\n{}", sent.to, sent.protocol, sent.port, sent.user,
                                     left ? "left" : "did not leave", rules);
      BOOST_TEST(!(left && audit.verdict == AuditVerdict::holds), words);
      BOOST_TEST(!(left && !fate.may_pass), words);
      BOOST_TEST(!(!left && fate.surely_passes), words);
      (fate.surely_passes || !fate.may_pass ? sure : unsure)++;
    }
  }

  void end() const {
    BOOST_TEST_MESSAGE(
        fmt::format("{} hold, {} let out, {} undecided; {} packets foretold, {} not", holds, lets_out, undecided, sure, unsure));
    BOOST_TEST(holds > 0);
    BOOST_TEST(lets_out > 0);
    BOOST_TEST(sure > unsure * 5);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_said_of_random_rules_of_nft_is_what_happens_to_real_packets) {
  AuditedNamespace space;
  Tally tally;
  for (unsigned seed = 1; seed <= seeds(); ++seed) {
    const auto rules = RandomRules{seed}.make();
    // Some conditions exclude each other, and nft(8) says so.
    if (space.try_load(rules)) tally.compare(space, fmt::format("seed {}\n{}", seed, rules));
  }
  tally.end();
}

BOOST_AUTO_TEST_CASE(what_is_said_of_random_rules_of_iptables_is_what_happens_to_real_packets) {
  AuditedNamespace space;
  if (!space.net.client.try_run("iptables-nft -L OUTPUT >/dev/null 2>&1")) {
    BOOST_TEST_MESSAGE("SKIPPED: iptables-nft is missing");
    return;
  }
  Tally tally;
  for (unsigned seed = 1; seed <= seeds(); ++seed) {
    RandomIptables random{seed};
    space.load("");
    const auto v4 = random.make(Family::v4);
    const auto v6 = random.make(Family::v6);
    if (!space.try_restore("iptables-nft-restore", v4) || !space.try_restore("ip6tables-nft-restore", v6)) continue;
    tally.compare(space, fmt::format("seed {}\n{}{}", seed, v4, v6));
  }
  tally.end();
}

BOOST_AUTO_TEST_SUITE_END()
