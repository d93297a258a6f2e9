#include "probe/app/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "probe/app/print_change.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

struct Told {
  Told() {
    policy.client_id = "office";
    policy.netns = NamespaceRef{NamespaceRef::Kind::name, "vpn"};
    policy.tunnels = {"wg0"};
    WireGuardDevice device;
    device.name = "wg0";
    device.fwmark = 0xca6c;
    WireGuardPeer peer;
    peer.endpoint = Endpoint{ip("198.51.100.9"), 51820};
    peer.last_handshake = at(-12);
    device.peers = {peer};
    facts->wireguard = device;
    seen.endpoints = {{ip("198.51.100.9"), "wireguard"}};
  }

  std::string print(Style style = {}) {
    verdict = judge(seen);
    return print_verdict(CheckView{policy, seen, verdict, NamespaceIdentity{4, 4026532321}, facts, pinned, {}, true, 23.1}, style);
  }

  bool tells(std::string_view text) {
    const auto all = print();
    BOOST_TEST_INFO(all);
    return all.find(text) != std::string::npos;
  }

  /// Another kind of packets, which goes `way`.
  void add_flow(FlowView flow, LookUp way) {
    if (seen.flows.empty()) seen.flows.emplace_back();
    seen.flows.push_back(std::move(flow));
    way.flow = seen.flows.size() - 1;
    seen.look_ups.push_back(std::move(way));
  }

  TargetPolicy policy;
  Observation seen = sound();
  Verdict verdict;
  std::optional<TunnelFacts> facts = TunnelFacts{};
  std::optional<Baseline> pinned;
};

std::size_t lines_of(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

ChangeView change(const Verdict& verdict, std::string cause) {
  return ChangeView{"home", at(0) + 123456us, verdict, "change", std::move(cause), 312us};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(print, Told)

BOOST_AUTO_TEST_CASE(a_healthy_target_is_told_in_few_lines_that_name_each_layer) {
  const auto text = print();
  BOOST_TEST(lines_of(text) <= 19U, text);
  for (const auto* const name :
       {"namespace", "tunnel", "server", "program", "uplink", "routes", "rules", "healthy", "liveness", "exit", "dns", "udp"}) {
    BOOST_TEST(text.find(std::string("\n  ") + name + " ") != std::string::npos, name);
  }
  BOOST_TEST(text.starts_with("✔ SECURE  office (name:vpn)\n"));
  BOOST_TEST(text.find("name:vpn is net:[4026532321]") != std::string::npos);
  BOOST_TEST(text.find("198.51.100.9:51820 (wireguard); last handshake 12 s ago, its own packets carry mark 0xca6c") != std::string::npos,
             text);
}

BOOST_AUTO_TEST_CASE(colours_are_there_only_when_asked_for) {
  seen.tunnel->up = false;
  BOOST_TEST(print().find('\033') == std::string::npos);
  BOOST_TEST(print(Style{true}).find("\033[1;") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_distinct_way_has_a_line_of_the_kernels_answer_and_equal_ones_share_it) {
  BOOST_TEST(tells("IPv4 by wg0; parts of the address space asked: 4\n"));
  BOOST_TEST(tells("11.0.0.1 dev wg0\n"));
  BOOST_TEST(!tells("100.0.0.1"));
  seen.look_ups.push_back(by_route("198.18.0.7", "198.18.0.0/15"));
  BOOST_TEST(tells("by eth0 (outside the tunnel) 1 of 5, by wg0 4 of 5"));
  BOOST_TEST(tells("198.18.0.7 via 203.0.113.1 dev eth0 table 254 proto boot\n"));
}

BOOST_AUTO_TEST_CASE(ways_of_selected_packets_are_no_ways_of_ordinary_ones) {
  add_flow({"mark 0x1", "mark 0x1", false}, look_up("11.0.0.1", Way::Kind::outside));
  BOOST_TEST(tells("IPv4 by wg0; parts of the address space asked: 4\n"));
  BOOST_TEST(tells("mark 0x1: by eth0 (outside the tunnel)\n"));
  BOOST_TEST(tells("11.0.0.1 mark 0x1 dev eth0\n"));
}

BOOST_AUTO_TEST_CASE(bound_sockets_are_information) {
  add_flow({"sockets bound to 203.0.113.10", "from 203.0.113.10", true}, look_up("11.0.0.1", Way::Kind::outside));
  BOOST_TEST(tells("sockets bound to 203.0.113.10: by eth0 (outside the tunnel) (information"));
}

BOOST_AUTO_TEST_CASE(what_was_not_asked_and_what_could_not_be_asked_is_said) {
  seen.not_asked = 300;
  seen.unasked_rules = {"rule 90: from all ipproto gre lookup 200"};
  seen.look_ups.push_back(failed_look_up("8.0.0.1"));
  BOOST_TEST(tells("NOT asked, there are too many: 300 questions"));
  BOOST_TEST(tells("could NOT be asked about: rule 90"));
  BOOST_TEST(tells("could not look 1 of 5"));
  BOOST_TEST(tells("8.0.0.1: netlink: no buffer space"));
}

BOOST_AUTO_TEST_CASE(what_may_bypass_on_purpose_is_named) {
  policy.allow_uids = {{1000, 1000}, {2000, 2999}};
  policy.allow_marks = {{0x1}, {0x80000, 0xff0000}};
  policy.allow_tables = {200};
  BOOST_TEST(tells("may bypass on purpose: uid 1000, uid 2000-2999, mark 0x1, mark 0x80000/0xff0000, table 200\n"));
}

BOOST_AUTO_TEST_CASE(several_tunnels_and_one_that_took_anothers_place_are_told) {
  policy.tunnels = {"wg0", "wg1"};
  policy.tunnel_rule = TunnelRule::all;
  seen.other_tunnels_down = {"wg1"};
  seen.replaced = "wg9 was renamed to wg0";
  BOOST_TEST(tells("all of wg0, wg1 must be up\n"));
  BOOST_TEST(tells("not up: wg1\n"));
  BOOST_TEST(tells("wg9 was renamed to wg0\n"));
}

BOOST_AUTO_TEST_CASE(the_tunnels_program_is_named_and_what_could_not_be_seen_of_it) {
  seen.tunnel->kind = "tun";
  facts->wireguard.reset();
  facts->owner = TunnelOwner{};
  facts->owner->pid = 812;
  facts->owner->comm = "openvpn";
  BOOST_TEST(tells("program   openvpn (pid 812, uid 0)\n"));
  facts->owner.reset();
  facts->gaps = {Error{Error::Kind::not_permitted, "CAP_SYS_PTRACE is missing"}};
  BOOST_TEST(tells("program   not known: CAP_SYS_PTRACE is missing\n"));
  facts.reset();
  BOOST_TEST(tells("program   not asked for"));
}

BOOST_AUTO_TEST_CASE(the_healthy_state_is_compared_only_while_nothing_is_wrong) {
  BOOST_TEST(tells("healthy   no state is pinned"));
  pinned = Baseline{at(-60), "wg0 (wireguard)", {}, {}};
  BOOST_TEST(tells("healthy   pinned 2023-11-14T22:12:20.000000Z; nothing differs\n"));
  seen.drift = DriftView{{"rule 90: from all lookup 200: was added"}, {"192.0.2.0/24 dev eth0: is gone"}, {}, true};
  BOOST_TEST(tells("differs now:\n"));
  BOOST_TEST(tells("rule 90: from all lookup 200: was added\n"));
  BOOST_TEST(tells("192.0.2.0/24 dev eth0: is gone\n"));
  seen.drift = {};
  seen.look_ups.push_back(by_route("198.18.0.7", "198.18.0.0/15"));
  BOOST_TEST(tells("not compared"));
}

BOOST_AUTO_TEST_CASE(long_lists_are_counted_and_not_printed) {
  for (int i = 0; i < 40; ++i) {
    seen.look_ups.push_back(
        by_route(fmt::format("198.18.{}.7", i), fmt::format("198.18.{}.0/24", i), 3, fmt::format("203.0.113.{}", i + 1)));
    add_flow({fmt::format("mark {:#x}", i + 1), fmt::format("mark {:#x}", i + 1), false}, look_up("11.0.0.1", Way::Kind::tunnel));
  }
  BOOST_TEST(tells("and 33 more\n"));
  BOOST_TEST(tells("and 32 more\n"));
}

BOOST_AUTO_TEST_CASE(findings_are_told_with_evidence_and_advice) {
  seen.look_ups.push_back(by_route("198.18.0.7", "198.18.0.0/15"));
  const auto text = print();
  BOOST_TEST(text.find("✖ route_injected A route that is more specific") != std::string::npos, text);
  BOOST_TEST(text.find("[route 198.18.0.0/15]") != std::string::npos, text);
  BOOST_TEST(text.find("      → Look who made the route") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(the_uplink_is_told_by_family_where_the_probe_goes_out_by_a_tunnel_of_its_own) {
  seen.uplink.addresses = {ip("192.0.2.7"), ip("2001:db8:10::7")};
  BOOST_TEST(tells("the uplink, without the tunnel, shows 192.0.2.7, 2001:db8:10::7\n"));
  seen.uplink.own_tunnel_v6 = "sit1";
  BOOST_TEST(tells("the uplink, without the tunnel, shows 192.0.2.7\n"));
  BOOST_TEST(tells("the uplink's IPv6 address is not known: the probe's own way out goes by the tunnel sit1\n"));
  seen.uplink.own_tunnel = "wg9";
  BOOST_TEST(tells("the uplink's IPv4 address is not known: the probe's own way out goes by the tunnel wg9\n"));
  BOOST_TEST(!tells("192.0.2.7"));
}

BOOST_AUTO_TEST_CASE(the_uplink_is_told_before_the_services_that_said_nothing_each_of_which_is_named_once) {
  seen.uplink.addresses = {ip("192.0.2.7")};
  seen.exit->v6 = ip("2001:db8:20::2");
  for (auto* exit : {&seen.exit->in_v4, &seen.exit->in_v6}) {
    exit->voices = {{"a.test", exit == &seen.exit->in_v4 ? *seen.exit->v4 : *seen.exit->v6, {}, {}}};
    for (int i = 0; i < 20; ++i) exit->silences.push_back({"b.test", fmt::format("b{}.test: timed out", i % 10), false});
  }
  BOOST_TEST(tells("the uplink, without the tunnel, shows 192.0.2.7\n"));
  const auto text = print();
  const auto first = text.find("no second opinion from b0.test");
  BOOST_REQUIRE(first != std::string::npos);
  BOOST_TEST(text.find("no second opinion from b0.test", first + 1) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(evidence_of_parts_is_told_without_brackets_and_quotes) {
  seen.exit->v4 = IpAddress::parse("203.0.113.10").value();
  seen.exit->in_v4 = {};
  seen.uplink.addresses = {*seen.exit->v4};
  const auto text = print();
  BOOST_TEST(text.find("      v4: address 203.0.113.10; sources 1; uplink 203.0.113.10\n") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_namespace_that_could_not_be_looked_at_has_no_layers) {
  seen = Observation{};
  seen.blind = Error{Error::Kind::not_permitted, "entering needs CAP_SYS_ADMIN"};
  BOOST_TEST(!tells("routes    IPv4"));
  BOOST_TEST(tells("error: entering needs CAP_SYS_ADMIN"));
}

BOOST_AUTO_TEST_CASE(a_kill_switch_is_told_with_what_it_lets_out_and_why_it_does_not_hold) {
  BOOST_TEST(!tells("kill switch"));
  auto& kill_switch = seen.kill_switch.emplace();
  kill_switch.mode = KillSwitchView::Mode::armed;
  kill_switch.state = KillSwitchView::State::armed;
  kill_switch.stopped = {3, 180};
  kill_switch.passing_devices = {"wg0"};
  kill_switch.passing_addresses = {ip("198.51.100.9")};
  kill_switch.gaps = {"what programs send by AF_PACKET: no hook"};
  BOOST_TEST(tells("kill switch armed; it stopped 3 packets, 180 bytes"));
  BOOST_TEST(tells("lets out what goes by wg0"));
  BOOST_TEST(tells("lets out what goes to 198.51.100.9"));
  BOOST_TEST(tells("gap: what programs send by AF_PACKET: no hook"));
  kill_switch.state = KillSwitchView::State::unproven;
  kill_switch.why = "a canary left by eth0 (IPv4)";
  BOOST_TEST(tells("kill switch does not hold: a canary left by eth0 (IPv4)"));
  kill_switch.state = KillSwitchView::State::off;
  kill_switch.why = "";
  kill_switch.disarmed = at(-60);
  BOOST_TEST(tells("kill switch disarmed by hand"));
  BOOST_TEST(!tells("lets out what goes"));
}

BOOST_AUTO_TEST_CASE(a_change_fits_a_hundred_columns_or_has_its_cause_on_a_line_below) {
  seen.look_ups = all_v4(Way::Kind::outside);
  seen.drift.routes = {"x"};
  const auto danger = judge(seen);
  BOOST_TEST(print_change(change(danger, "link wg0 down"), {}) ==
             "22:13:20.123456  ✖ DANGER     home  default_route_outside (baseline_drift)  [link wg0 down, 312 µs]\n");
  BOOST_TEST(print_change(change(danger, "route default via 203.0.113.1 dev eth0 added"), {}) ==
             "22:13:20.123456  ✖ DANGER     home  default_route_outside (baseline_drift)\n"
             "                 [route default via 203.0.113.1 dev eth0 added, 312 µs]\n");
}

BOOST_AUTO_TEST_CASE(a_change_as_json_has_its_cause_and_how_long_the_verdict_took) {
  const auto line = nlohmann::json::parse(print_change_json(change(judge(sound()), "link wg0 up")));
  BOOST_TEST(line.at("time") == "2023-11-14T22:13:20.123456Z");
  BOOST_TEST(line.at("state") == "secure");
  BOOST_TEST(line.at("cause") == "link wg0 up");
  BOOST_TEST(line.at("verdict_us") == 312);
}

BOOST_AUTO_TEST_CASE(a_change_that_is_held_back_says_what_is_shown_meanwhile) {
  const auto healthy = judge(sound());
  auto held = change(healthy, "link wg0 up");
  held.trigger = "held";
  held.shown = State::contained;
  BOOST_TEST(print_change(held, {}) ==
             "22:13:20.123456  ✔ SECURE     home  no findings  held back, contained is shown\n"
             "                 [link wg0 up, 312 µs]\n");
  BOOST_TEST(nlohmann::json::parse(print_change_json(held)).at("shown") == "contained");
  BOOST_TEST(!nlohmann::json::parse(print_change_json(change(healthy, "x"))).contains("shown"));
}

BOOST_AUTO_TEST_CASE(what_a_rule_lets_out_is_told_with_the_setting_that_would_allow_it) {
  auto out = look_up("11.0.0.1", Way::Kind::outside);
  out.allow = "--allow-marks 0x80000/0xff0000 or --allow-tables 100";
  add_flow({"mark 0x80000", "mark 0x80000"}, out);
  BOOST_TEST(tells("if it is on purpose: --allow-marks 0x80000/0xff0000 or --allow-tables 100"));
}

BOOST_AUTO_TEST_CASE(a_public_subnet_that_counts_as_local_and_routes_that_are_not_compared_are_told_while_all_is_secure) {
  seen.public_subnets = {{IpPrefix::parse("203.0.113.0/24").value(), "eth0"}};
  seen.drift.not_compared = "700 routes are more than 512 and are not compared";
  pinned = Baseline{};
  BOOST_TEST(tells("SECURE"));
  BOOST_TEST(tells("local_network_public"));
  BOOST_TEST(tells("networks: 203.0.113.0/24 dev eth0"));
  BOOST_TEST(tells("700 routes are more than 512 and are not compared"));
}

BOOST_AUTO_TEST_SUITE_END()
