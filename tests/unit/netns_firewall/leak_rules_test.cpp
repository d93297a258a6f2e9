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
  BOOST_TEST(!is_firewall_table(OutsideAction::drop, "vpn-sentinel-My Own-killswitch"));
}

BOOST_AUTO_TEST_CASE(the_order_of_the_rules_is_what_decides) {
  const auto ruleset = output_ruleset(OutsideAction::count, "x", policy(), 0);
  const std::array<std::string_view, 8> order{
      "tunnel tun0", "loopback", "VPN server 198.51.100.2",      "VPN server 198.51.100.2, not the tunnel",
      "ICMPv6",      "DNS",      "local network 192.168.0.0/16", "IPv4"};
  for (std::size_t i = 1; i < order.size(); ++i) BOOST_TEST(place_of(ruleset, order[i - 1]) < place_of(ruleset, order[i]), order[i]);
}

BOOST_AUTO_TEST_CASE(a_kill_switch_differs_only_in_what_is_done) {
  const auto count = output_ruleset(OutsideAction::count, "x", policy(), 0);
  const auto drop = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  BOOST_TEST_REQUIRE(count.rules.size() == drop.rules.size());
  for (std::size_t i = 0; i < count.rules.size(); ++i) {
    const bool same = count.rules[i] == drop.rules[i];
    const bool answer = std::count(count.rules[i].expressions.begin(), count.rules[i].expressions.end(),
                                   nft::Expression{nft::CountInto{std::string(leak_names::answers)}}) > 0;
    BOOST_TEST(same == (count.rules[i].chain != "seen" && !answer));
    if (!same) BOOST_TEST((drop.rules[i].expressions.back() == nft::Expression{nft::Decide{nft::Policy::drop}}));
  }
  for (const auto& chain : drop.chains) {
    if (chain.hook) BOOST_TEST((chain.hook->policy == nft::Policy::drop));
  }
}

BOOST_AUTO_TEST_CASE(at_the_device_nothing_passes_that_no_rule_lets_pass_and_devices_are_named_once) {
  auto wanted = policy();
  wanted.uplinks = {"eth1", "eth0", "eth1"};
  const auto ruleset = egress_ruleset(OutsideAction::drop, "x", wanted, 0);
  BOOST_TEST_REQUIRE(ruleset.chains.back().hook.has_value());
  BOOST_TEST((ruleset.chains.back().hook->policy == nft::Policy::drop));
  BOOST_TEST((ruleset.chains.back().hook->devices == std::vector<std::string>{"eth0", "eth1"}));
}

BOOST_AUTO_TEST_CASE(a_table_can_be_cut_into_what_the_kernel_calls_and_the_rest) {
  const auto whole = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  auto both = without_hooks(whole);
  BOOST_TEST(std::none_of(both.chains.begin(), both.chains.end(), [](const nft::Chain& chain) { return chain.hook.has_value(); }));
  const auto hooks = only_hooks(whole);
  BOOST_TEST(hooks.chains.size() == 1U);
  BOOST_TEST(hooks.rules.size() == 1U);
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
  BOOST_TEST(output_ruleset(OutsideAction::count, "x", wanted, 0).chains.size() == 7U);
  AllowedPackets by_user;
  by_user.uids = AllowedUids{1000, 1000};
  wanted.allowed = {by_user};
  const auto ruleset = output_ruleset(OutsideAction::count, "x", wanted, 0);
  BOOST_TEST(ruleset.chains.size() == 8U);
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
  wanted.local_networks.resize(65, wanted.local_networks[0]);
  BOOST_TEST(says(check_policy(wanted), "local_networks: 65"));
}

BOOST_AUTO_TEST_CASE(what_would_make_the_internet_local_is_refused) {
  for (const auto* network : {"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/7", "::/0", "2000::/3", "fc00::/6"}) {
    auto wanted = policy();
    wanted.local_networks = {IpPrefix::parse(network).value()};
    BOOST_TEST(says(check_policy(wanted), "local_networks: "), network);
  }
  auto wanted = policy();
  wanted.local_networks = standard_local_networks();
  BOOST_TEST(check_policy(wanted).has_value());
  wanted.uplinks = {"lo"};
  BOOST_TEST(says(check_policy(wanted), "uplinks: 'lo'"));
  wanted = policy();
  wanted.inner_devices = {"eth0"};
  BOOST_TEST(says(check_policy(wanted), "uplinks: 'eth0' is also given as an inner device"));
  wanted = policy();
  wanted.endpoints[0].protocol = IPPROTO_ICMP;
  BOOST_TEST(says(check_policy(wanted), "endpoints: protocol 1 has no port 51820"));
  wanted = policy();
  wanted.carrying_types = {0x0800};
  BOOST_TEST(says(check_policy(wanted), "carrying_types: 0x800"));
  wanted = policy();
  wanted.tunnel_types = {{"wg7", 1}};
  BOOST_TEST(says(check_policy(wanted), "tunnel_types: 'wg7'"));
  wanted = policy();
  AllowedPackets everything;
  everything.destination = IpPrefix::parse("0.0.0.0/0").value();
  wanted.allowed = {everything};
  BOOST_TEST(says(check_policy(wanted), "allowed: one names no packets"));
}

BOOST_AUTO_TEST_CASE(a_packet_by_the_tunnel_is_compared_at_most_twice) {
  auto wanted = policy();
  wanted.tunnel_types = {{"tun0", 65534}};
  wanted.inner_devices = {"docker0"};
  const auto ruleset = output_ruleset(OutsideAction::drop, "x", wanted, 0);
  const auto first =
      std::find_if(ruleset.rules.begin(), ruleset.rules.end(), [](const nft::Rule& rule) { return rule.chain == "outside"; });
  BOOST_TEST_REQUIRE((first != ruleset.rules.end()));
  BOOST_TEST(first->comment == "tunnel tun0");
  BOOST_TEST(std::count_if(first->expressions.begin(), first->expressions.end(),
                           [](const nft::Expression& expression) { return std::holds_alternative<nft::Compare>(expression); }) == 2);
}

BOOST_AUTO_TEST_CASE(what_ipsec_will_wrap_is_judged_as_esp_and_not_before) {
  const auto ruleset = output_ruleset(OutsideAction::drop, "x", policy(), 0);
  BOOST_TEST(place_of(ruleset, "loopback") < place_of(ruleset, "judged as ESP"));
  BOOST_TEST(place_of(ruleset, "judged as ESP") < place_of(ruleset, "VPN server 198.51.100.2"));
  const auto at_device = egress_ruleset(OutsideAction::drop, "x", policy(), 0);
  BOOST_TEST(
      std::none_of(at_device.rules.begin(), at_device.rules.end(), [](const nft::Rule& rule) { return rule.comment == "judged as ESP"; }));
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
  BOOST_TEST(difference([](nft::Ruleset& other) { other.rules.pop_back(); }) == "chain 'postrouting' has 0 rules instead of 1");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.chains.back().hook->policy = nft::Policy::accept; }) ==
             "chain 'postrouting' was changed");
  BOOST_TEST(difference([](nft::Ruleset& other) { other.chains.push_back({"more", {}}); }) == "there are 8 chains instead of 7");
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

BOOST_AUTO_TEST_CASE(any_name_makes_an_id_and_two_names_make_two) {
  BOOST_TEST(make_firewall_id("office-1") == "office-1");
  const auto dotted = make_firewall_id("Office.1");
  BOOST_TEST(dotted.starts_with("office-1-"), dotted);
  BOOST_TEST(dotted != make_firewall_id("office.1"));
  for (const auto& name : {std::string(), std::string("_"), std::string(64, 'a'), std::string(200, 'Z')}) {
    BOOST_TEST(check_firewall_id(make_firewall_id(name)).has_value(), name);
  }
  BOOST_TEST(make_firewall_id(std::string(64, 'a')) != make_firewall_id(std::string(65, 'a')));
}

BOOST_AUTO_TEST_CASE(an_id_is_read_from_a_tables_name) {
  for (const auto action : {OutsideAction::count, OutsideAction::drop}) {
    BOOST_TEST(firewall_id_of(action, firewall_table_name(action, "office-1")) == "office-1");
  }
}

BOOST_AUTO_TEST_SUITE_END()
