// What ip(8) sets in a real kernel comes back as the value that was meant, and as ip's own words.
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/monitor.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "tests/unit/netns/support/message_builder.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;

namespace {

constexpr std::uint32_t priority = 9;

IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

Snapshot look(const TestNamespace& inside) { return take_snapshot(inside.opener()).value(); }

std::optional<Rule> find_rule(const TestNamespace& inside) {
  const auto rules = look(inside).rules;
  const auto found = std::ranges::find(rules, priority, &Rule::priority);
  return found == rules.end() ? std::nullopt : std::optional(*found);
}

std::optional<Route> find_route(const TestNamespace& inside, std::string_view destination) {
  const auto routes = look(inside).routes;
  const auto found = std::ranges::find(routes, prefix(destination), &Route::destination);
  return found == routes.end() ? std::nullopt : std::optional(*found);
}

struct RuleCase {
  const char* arguments;
  void (*set)(Rule& rule);
  const char* words;
};

/// A rule that is nothing but its action.
template <std::uint8_t action>
constexpr RuleCase action_only(const char* arguments, const char* words) {
  return {arguments,
          [](Rule& r) {
            r.action = action;
            r.table = 0;
          },
          words};
}

constexpr std::array rule_cases{
    RuleCase{"from 192.0.2.0/24 lookup 7", [](Rule& r) { r.source = prefix("192.0.2.0/24"); }, "from 192.0.2.0/24 lookup 7"},
    RuleCase{"to 192.0.2.1 lookup 7", [](Rule& r) { r.destination = prefix("192.0.2.1/32"); }, "to 192.0.2.1 lookup 7"},
    RuleCase{"not fwmark 0xca6c lookup 7",
             [](Rule& r) {
               r.flags = FIB_RULE_INVERT;
               r.fwmark = 0xca6c;
               r.fwmask = 0xffffffff;
             },
             "not fwmark 0xca6c lookup 7"},
    RuleCase{"fwmark 0x10/0xf0 lookup 7",
             [](Rule& r) {
               r.fwmark = 0x10;
               r.fwmask = 0xf0;
             },
             "fwmark 0x10/0xf0 lookup 7"},
    RuleCase{"tos 0x10 lookup 7", [](Rule& r) { r.tos = 0x10; }, "tos 0x10 lookup 7"},
    RuleCase{"iif lo lookup 7", [](Rule& r) { r.input_interface = "lo"; }, "iif lo lookup 7"},
    RuleCase{"oif absent0 lookup 7", [](Rule& r) { r.output_interface = "absent0"; }, "oif absent0 lookup 7"},
    RuleCase{"uidrange 1000-1999 lookup 7",
             [](Rule& r) {
               r.uids = UidRange{1000, 1999};
             },
             "uidrange 1000-1999 lookup 7"},
    RuleCase{"ipproto udp dport 53 lookup 7",
             [](Rule& r) {
               r.ip_protocol = 17;
               r.destination_ports = PortRange{53, 53};
             },
             "ipproto udp dport 53 lookup 7"},
    RuleCase{"ipproto tcp sport 1000-2000 lookup 7",
             [](Rule& r) {
               r.ip_protocol = 6;
               r.source_ports = PortRange{1000, 2000};
             },
             "ipproto tcp sport 1000-2000 lookup 7"},
    RuleCase{"l3mdev",
             [](Rule& r) {
               r.l3mdev = true;
               r.table = 0;
             },
             "from all lookup [l3mdev-table]"},
    RuleCase{"tun_id 4294967303 lookup 7", [](Rule& r) { r.tunnel_id = 4294967303; }, "tun_id 4294967303 lookup 7"},
    RuleCase{"lookup main suppress_prefixlength 0",
             [](Rule& r) {
               r.table = RT_TABLE_MAIN;
               r.suppress_prefix_length = 0;
             },
             "from all lookup main suppress_prefixlength 0"},
    RuleCase{"lookup 7 suppress_ifgroup 3", [](Rule& r) { r.suppress_group = 3; }, "from all lookup 7 suppress_ifgroup 3"},
    RuleCase{"lookup 7 protocol dhcp", [](Rule& r) { r.protocol = 16; }, "from all lookup 7"},
    RuleCase{"goto 32766",
             [](Rule& r) {
               r.action = FR_ACT_GOTO;
               r.table = 0;
               r.go_to = 32766;
             },
             "from all goto 32766"},
    action_only<FR_ACT_BLACKHOLE>("blackhole", "from all blackhole"),
    action_only<FR_ACT_UNREACHABLE>("unreachable", "from all unreachable"),
    action_only<FR_ACT_PROHIBIT>("prohibit", "from all prohibit"),
    action_only<FR_ACT_NOP>("nop", "from all nop"),
};

/// A request that ip(8) of this machine may not know; the answer is the kernel's code.
int ask(const TestNamespace& inside, const Bytes& request) {
  const auto socket = open_netlink(inside.opener(), 0).value();
  BOOST_REQUIRE(send_netlink(socket.fd.get(), request).has_value());
  BOOST_REQUIRE(wait_readable(socket.fd.get(), mono_now() + std::chrono::seconds{5}).has_value());
  std::array<std::byte, netlink_datagram_size> buffer;
  MessageCursor messages{receive_netlink(socket.fd.get(), buffer).bytes};
  const auto answer = messages.next();
  BOOST_REQUIRE(answer.has_value());
  return decode_error_code(answer->payload).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kernel_values)

BOOST_AUTO_TEST_CASE(every_selector_of_a_rule_comes_back) {
  const TestNamespace inside;
  for (const auto& each : rule_cases) {
    BOOST_TEST_CONTEXT(each.arguments) {
      if (!inside.try_run(fmt::format("ip rule add priority {} {}", priority, each.arguments))) {
        BOOST_TEST_MESSAGE("SKIPPED: this kernel or ip refuses 'ip rule add " << each.arguments << "'");
        continue;
      }
      const auto rule = find_rule(inside);
      BOOST_TEST_REQUIRE(rule.has_value());
      Rule expected;
      expected.priority = priority;
      expected.table = 7;
      expected.action = FR_ACT_TO_TBL;
      expected.protocol = rule->protocol;  // what ip(8) says unasked differs from version to version
      each.set(expected);
      BOOST_TEST((*rule == expected));
      BOOST_TEST(describe_rule(*rule, "added") == fmt::format("rule 9 {} added", each.words));
      inside.run(fmt::format("ip rule delete priority {}", priority));
    }
  }
}

BOOST_AUTO_TEST_CASE(realms_of_a_rule_come_back_where_the_kernel_keeps_them) {
  const TestNamespace inside;
  inside.run("ip rule add priority 9 realms 1/2 lookup 7");
  const auto rule = find_rule(inside);
  BOOST_TEST_REQUIRE(rule.has_value());
  // Only with CONFIG_IP_ROUTE_CLASSID.
  if (rule->realms == 0) return;
  BOOST_TEST(rule->realms == 0x10002U);
  BOOST_TEST(describe_rule(*rule, "added") == "rule 9 from all lookup 7 realms 1/2 added");
}

BOOST_AUTO_TEST_CASE(an_ipv6_rule_comes_back) {
  const TestNamespace inside;
  inside.run("ip -6 rule add priority 9 from 2001:db8:1::/48 to 2001:db8::/32 tos 0x10 ipproto ipv6-icmp lookup 7");
  const auto rule = find_rule(inside);
  BOOST_TEST_REQUIRE(rule.has_value());
  BOOST_TEST(describe_rule(*rule, "added") ==
             "IPv6 rule 9 from 2001:db8:1::/48 to 2001:db8::/32 tos 0x10 ipproto ipv6-icmp lookup 7 added");
  BOOST_TEST(!rule->has_unknown);
}

BOOST_AUTO_TEST_CASE(a_rule_by_a_selector_of_a_later_kernel_is_known_as_not_understood) {
  const TestNamespace inside;
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  header.table = 7;
  constexpr unsigned dscp = 25;
  const auto code = ask(inside, message_of(RTM_NEWRULE, Payload{header}.add(FRA_PRIORITY, priority).add(dscp, bytes_of({10})),
                                           NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL));
  if (code != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: rules by DSCP need Linux 6.13");
    return;
  }
  const auto rule = find_rule(inside);
  if (!rule) {
    BOOST_TEST_MESSAGE("SKIPPED: rules by DSCP need Linux 6.13");
    return;
  }
  BOOST_TEST(rule->has_unknown);
}

BOOST_AUTO_TEST_CASE(next_hops_have_weight_and_flags) {
  const TestNamespace inside;
  inside.run(
      "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
      "ip address add 203.0.113.10/24 dev eth0 &&"
      "ip route add 192.0.2.0/24 nexthop via 203.0.113.1 weight 10 nexthop via 198.51.100.1 dev eth0 onlink &&"
      "ip -6 route add 2001:db8:1::/48 dev eth0 pref high");
  const auto multipath = find_route(inside, "192.0.2.0/24");
  BOOST_TEST_REQUIRE(multipath.has_value());
  BOOST_TEST_REQUIRE(multipath->next_hops.size() == 2U);
  BOOST_TEST(multipath->next_hops[0].weight == 9U);
  BOOST_TEST((multipath->next_hops[1].flags & RTNH_F_ONLINK) != 0);
  BOOST_TEST(find_route(inside, "2001:db8:1::/48")->preference == 1U);
  inside.run("ip link set eth1 down");
  // A veth tells of its carrier up to a second later.
  const auto deadline = mono_now() + std::chrono::seconds{10};
  auto down = multipath;
  while (down && (down->next_hops[0].flags & RTNH_F_LINKDOWN) == 0 && mono_now() < deadline) down = find_route(inside, "192.0.2.0/24");
  BOOST_TEST_REQUIRE(down.has_value());
  BOOST_TEST((down->next_hops[0].flags & RTNH_F_LINKDOWN) != 0);
}

BOOST_AUTO_TEST_CASE(a_link_knows_its_master_and_its_group) {
  const TestNamespace inside;
  inside.run("ip link add eth0 type veth peer name eth1 && ip link set eth0 group 3");
  for (const std::string kind : {"bridge", "vrf table 7"}) {
    if (!inside.try_run("ip link add m0 type " + kind + " && ip link set eth0 master m0")) {
      BOOST_TEST_MESSAGE("SKIPPED: this kernel has no link of kind " << kind);
      continue;
    }
    const auto links = look(inside);
    const auto* link = links.find_link("eth0");
    BOOST_TEST_REQUIRE((link != nullptr));
    BOOST_TEST(link->master == links.find_link("m0")->index);
    BOOST_TEST(kind.starts_with(link->master_kind));
    BOOST_TEST(!link->master_kind.empty());
    BOOST_TEST(link->group == 3U);
    inside.run("ip link delete m0");
  }
}

BOOST_AUTO_TEST_SUITE_END()
