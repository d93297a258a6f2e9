#include "netns/firewall/leak_rules.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "netns/firewall/kill_switch.hpp"

using namespace vpn_sentinel;

namespace {

FirewallPolicy policy() {
  FirewallPolicy policy;
  policy.tunnels = {"tun0"};
  policy.endpoints = {{IpAddress::parse("198.51.100.2").value(), IPPROTO_UDP, 51820, 7}};
  policy.local_networks = {IpPrefix::parse("192.168.0.0/16").value()};
  policy.uplinks = {"eth0"};
  return policy;
}

std::ptrdiff_t place_of(const nft::Ruleset& ruleset, std::string_view comment) {
  const auto place =
      std::find_if(ruleset.rules.begin(), ruleset.rules.end(), [&](const nft::Rule& rule) { return rule.comment == comment; });
  BOOST_REQUIRE_MESSAGE(place != ruleset.rules.end(), comment);
  return place - ruleset.rules.begin();
}

bool says(const Result<void>& result, std::string_view words) {
  return !result && result.error().kind == Error::Kind::invalid && result.error().message.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leak_rules)

BOOST_AUTO_TEST_CASE(names_of_tables_tell_what_they_are_for) {
  BOOST_TEST(firewall_table_name(OutsideAction::count, "home") == "vpn-sentinel-home-meter");
  BOOST_TEST(firewall_table_name(OutsideAction::drop, "home") == "vpn-sentinel-home-killswitch");
  BOOST_TEST(is_firewall_table(OutsideAction::drop, "vpn-sentinel-a-killswitch"));
  BOOST_TEST(!is_firewall_table(OutsideAction::drop, "vpn-sentinel-killswitch"));
  BOOST_TEST(!is_firewall_table(OutsideAction::drop, "vpn-sentinel-a-meter"));
  BOOST_TEST(!is_firewall_table(OutsideAction::drop, "other-a-killswitch"));
}

BOOST_AUTO_TEST_CASE(the_order_of_the_rules_is_what_decides) {
  const auto ruleset = output_ruleset(OutsideAction::count, "x", policy(), 0);
  const std::array<std::string_view, 8> order{"loopback",
                                              "tunnel tun0",
                                              "VPN server 198.51.100.2",
                                              "VPN server 198.51.100.2, not the tunnel",
                                              "neighbour discovery",
                                              "DNS",
                                              "local network 192.168.0.0/16",
                                              "IPv4"};
  for (std::size_t i = 1; i < order.size(); ++i) BOOST_TEST(place_of(ruleset, order[i - 1]) < place_of(ruleset, order[i]), order[i]);
}

BOOST_AUTO_TEST_CASE(a_kill_switch_differs_only_in_what_is_done) {
  const auto count = output_ruleset(OutsideAction::count, "x", policy(), 0);
  const auto drop = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  BOOST_TEST_REQUIRE(count.rules.size() == drop.rules.size());
  for (std::size_t i = 0; i < count.rules.size(); ++i) {
    const bool same = count.rules[i] == drop.rules[i];
    BOOST_TEST(same == (count.rules[i].chain != "seen"));
    if (!same) BOOST_TEST((drop.rules[i].expressions.back() == nft::Expression{nft::Decide{nft::Policy::drop}}));
  }
  for (const auto& chain : drop.chains) {
    if (chain.hook) BOOST_TEST((chain.hook->policy == nft::Policy::drop));
  }
}

BOOST_AUTO_TEST_CASE(at_the_device_what_is_no_ip_passes_and_devices_are_named_once) {
  auto wanted = policy();
  wanted.uplinks = {"eth1", "eth0", "eth1"};
  const auto ruleset = egress_ruleset(OutsideAction::drop, "x", wanted, 0);
  BOOST_TEST_REQUIRE(ruleset.chains.back().hook.has_value());
  BOOST_TEST((ruleset.chains.back().hook->policy == nft::Policy::accept));
  BOOST_TEST((ruleset.chains.back().hook->devices == std::vector<std::string>{"eth0", "eth1"}));
}

BOOST_AUTO_TEST_CASE(a_table_can_be_cut_into_what_the_kernel_calls_and_the_rest) {
  const auto whole = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  auto both = without_hooks(whole);
  BOOST_TEST(std::none_of(both.chains.begin(), both.chains.end(), [](const nft::Chain& chain) { return chain.hook.has_value(); }));
  const auto hooks = only_hooks(whole);
  BOOST_TEST(hooks.chains.size() == 2U);
  BOOST_TEST(hooks.rules.size() == 2U);
  both.chains.insert(both.chains.end(), hooks.chains.begin(), hooks.chains.end());
  both.rules.insert(both.rules.end(), hooks.rules.begin(), hooks.rules.end());
  BOOST_TEST(nft::first_difference(whole, both).value_or("nothing") == "nothing");
}

BOOST_AUTO_TEST_CASE(a_server_in_a_local_network_is_spoken_to_like_everything_there) {
  auto wanted = policy();
  wanted.endpoints[0].address = IpAddress::parse("192.168.1.2").value();
  const auto ruleset = output_ruleset(OutsideAction::count, "x", wanted, 0);
  BOOST_TEST(std::none_of(ruleset.rules.begin(), ruleset.rules.end(),
                          [](const nft::Rule& rule) { return rule.comment.ends_with("not the tunnel"); }));
}

std::size_t rules_with(const nft::Ruleset& ruleset, std::string_view comment) {
  return static_cast<std::size_t>(
      std::count_if(ruleset.rules.begin(), ruleset.rules.end(), [&](const nft::Rule& rule) { return rule.comment == comment; }));
}

BOOST_AUTO_TEST_CASE(what_is_allowed_on_purpose_stands_before_everything_that_is_counted) {
  auto wanted = policy();
  AllowedPackets by_mark;
  by_mark.mark = 0x10;
  by_mark.mark_mask = 0xf0;
  wanted.allowed = {by_mark};
  for (const auto& ruleset : {output_ruleset(OutsideAction::count, "x", wanted, 0), egress_ruleset(OutsideAction::count, "x", wanted, 0)}) {
    BOOST_TEST(place_of(ruleset, "allowed on purpose") < place_of(ruleset, "VPN server 198.51.100.2, not the tunnel"));
    BOOST_TEST(place_of(ruleset, "allowed on purpose") < place_of(ruleset, "DNS"));
  }
}

BOOST_AUTO_TEST_CASE(users_are_split_into_blocks_that_a_mask_can_tell) {
  auto wanted = policy();
  const auto blocks = [&](std::uint32_t first, std::uint32_t last) {
    AllowedPackets by_user;
    by_user.uids = AllowedUids{first, last};
    wanted.allowed = {by_user};
    return rules_with(output_ruleset(OutsideAction::count, "x", wanted, 0), "allowed on purpose");
  };
  BOOST_TEST(blocks(1000, 1000) == 1U);
  BOOST_TEST(blocks(1000, 1001) == 1U);
  BOOST_TEST(blocks(1000, 1999) == 7U);
  BOOST_TEST(blocks(0, 0xffffffff) == 1U);
  BOOST_TEST(blocks(1, 0xfffffffe) == 62U);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_connection_without_a_user_is_nobodys_leak_where_users_are_allowed) {
  auto wanted = policy();
  BOOST_TEST(output_ruleset(OutsideAction::count, "x", wanted, 0).chains.size() == 4U);
  AllowedPackets by_user;
  by_user.uids = AllowedUids{1000, 1000};
  wanted.allowed = {by_user};
  const auto ruleset = output_ruleset(OutsideAction::count, "x", wanted, 0);
  BOOST_TEST(ruleset.chains.size() == 5U);
  BOOST_TEST(place_of(ruleset, "allowed on purpose") < place_of(ruleset, "of a user"));
  BOOST_TEST(place_of(ruleset, "of a user") + 1 == place_of(ruleset, "end of a connection, of nobody"));
  BOOST_TEST(place_of(ruleset, "end of a connection, of nobody") < place_of(ruleset, "VPN server 198.51.100.2, not the tunnel"));
}

BOOST_AUTO_TEST_CASE(what_is_allowed_names_something_that_can_be) {
  auto wanted = policy();
  const auto refused = [&](const auto& change) {
    AllowedPackets allowed;
    change(allowed);
    wanted.allowed = {allowed};
    return says(check_policy(wanted), "allowed: ");
  };
  BOOST_TEST(refused([](AllowedPackets&) {}));
  BOOST_TEST(refused([](AllowedPackets& allowed) { allowed.family = Family::v4; }));
  BOOST_TEST(refused([](AllowedPackets& allowed) { allowed.uids = AllowedUids{2, 1}; }));
  BOOST_TEST(refused([](AllowedPackets& allowed) { allowed.destination_ports = AllowedPorts{2, 1}; }));
  BOOST_TEST(refused([](AllowedPackets& allowed) {
    allowed.destination_ports = AllowedPorts{1, 2};
    allowed.protocol = IPPROTO_ICMP;
  }));
  BOOST_TEST(refused([](AllowedPackets& allowed) {
    allowed.family = Family::v6;
    allowed.source = IpPrefix::parse("192.0.2.1/32").value();
  }));
  BOOST_TEST(!refused([](AllowedPackets& allowed) { allowed.priority = 7; }));
  wanted.allowed.assign(most_allowed + 1, wanted.allowed.front());
  BOOST_TEST(says(check_policy(wanted), "allowed: 33 are given"));
  wanted.allowed.assign(3, AllowedPackets{});
  for (auto& allowed : wanted.allowed) allowed.uids = AllowedUids{1, 0xfffffffe};
  BOOST_TEST(says(check_policy(wanted), "allowed, in rules: 186 are given, at most 128"));
}

BOOST_AUTO_TEST_CASE(a_policy_with_impossible_values_is_refused_by_name) {
  BOOST_TEST(check_policy(policy()).has_value());
  auto wanted = policy();
  wanted.tunnels.clear();
  BOOST_TEST(says(check_policy(wanted), "tunnels: none"));
  for (const auto* name : {"", "a/b", "a b", "sixteen-bytes-xx", "..", "a:b"}) {
    wanted.tunnels = {name};
    BOOST_TEST(says(check_policy(wanted), fmt::format("tunnels: '{}'", name)), name);
  }
  wanted = policy();
  wanted.uplinks = {"tun0"};
  BOOST_TEST(says(check_policy(wanted), "uplinks: 'tun0' is also given as a tunnel"));
  wanted = policy();
  wanted.endpoints.resize(65, wanted.endpoints[0]);
  BOOST_TEST(says(check_policy(wanted), "endpoints: 65 are given, at most 64"));
  wanted.endpoints = {{IpAddress{}, 0, 0, 0}};
  BOOST_TEST(says(check_policy(wanted), "endpoints"));
  wanted = policy();
  wanted.local_networks.resize(65);
  BOOST_TEST(says(check_policy(wanted), "local_networks: 65"));
}

BOOST_AUTO_TEST_CASE(ids_are_short_words) {
  BOOST_TEST(check_firewall_id("home-1").has_value());
  for (const auto& id : {std::string(), std::string("Home"), std::string("a b"), std::string("a\"b"), std::string(33, 'a')}) {
    BOOST_TEST(!check_firewall_id(id).has_value(), id);
  }
}

BOOST_AUTO_TEST_CASE(what_somebody_changed_is_named) {
  const auto ours = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  const auto difference = [&](const auto& change) {
    auto other = ours;
    change(other);
    return nft::first_difference(ours, other).value_or("nothing");
  };
  BOOST_TEST(difference([](nft::Ruleset&) {}) == "nothing");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.table.flags = nft::flag_owner; }) == "nothing");
  BOOST_TEST(difference([](nft::Ruleset& other) { std::swap(other.chains[0], other.chains[1]); }) == "nothing");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.table.flags = 1; }) == "the table's flags were changed");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.rules[1].expressions.pop_back(); }) == "rule 2 of chain 'outside' is not ours");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.rules.pop_back(); }) == "chain 'forward' has 0 rules instead of 1");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.chains.back().hook->policy = nft::Policy::accept; }) ==
             "chain 'forward' was changed");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.chains.push_back({"more", {}}); }) == "there are 5 chains instead of 4");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.sets.clear(); }) == "set 'seen_v4' is missing");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.counters.pop_back(); }) == "counter 'outside_unlisted' is missing");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.table.name.name = "y"; }) == "it is another table");
}

BOOST_AUTO_TEST_CASE(modes_have_names) {
  for (const auto mode : {KillSwitchMode::off, KillSwitchMode::armed, KillSwitchMode::on_danger}) {
    BOOST_TEST((parse_kill_switch_mode(to_string(mode)).value() == mode));
  }
  BOOST_TEST(parse_kill_switch_mode("on").error().message == "kill switch 'on': expected off, armed or on-danger");
}

BOOST_AUTO_TEST_CASE(on_danger_arms_with_danger_and_opens_only_when_all_is_well) {
  using Mode = KillSwitchMode;
  using Safety = TargetSafety;
  for (const bool is_armed : {false, true}) {
    for (const auto safety : {Safety::safe, Safety::unknown, Safety::danger}) {
      BOOST_TEST(!wants_armed(Mode::off, is_armed, safety));
      BOOST_TEST(wants_armed(Mode::armed, is_armed, safety));
    }
    BOOST_TEST(wants_armed(Mode::on_danger, is_armed, Safety::danger));
    BOOST_TEST(!wants_armed(Mode::on_danger, is_armed, Safety::safe));
    BOOST_TEST(wants_armed(Mode::on_danger, is_armed, Safety::unknown) == is_armed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
