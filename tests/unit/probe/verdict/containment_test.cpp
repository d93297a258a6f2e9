#include "probe/verdict/containment.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "probe/verdict/kill_switch_findings.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

using Way::Kind::nowhere;
using Way::Kind::outside;
using Standing = KillSwitchView::State;
using Mode = KillSwitchView::Mode;

KillSwitchView holding() {
  KillSwitchView view;
  view.mode = Mode::armed;
  view.state = Standing::armed;
  view.passing_devices = {"wg0"};
  view.passing_addresses = {ip("198.51.100.77")};
  view.passing_networks = {IpPrefix::parse("192.168.0.0/16").value(), IpPrefix::parse("203.0.113.0/24").value()};
  return view;
}

Observation held(Observation seen) {
  seen.kill_switch = holding();
  return seen;
}

Observation without_tunnel(std::vector<LookUp> look_ups) {
  auto seen = sound();
  seen.tunnel.reset();
  seen.look_ups = std::move(look_ups);
  return seen;
}

Observation with(LookUp more) {
  auto seen = sound();
  seen.look_ups.push_back(std::move(more));
  return seen;
}

Observation leaking() { return without_tunnel(together(all_v4(outside), all_v6(outside))); }

std::string told(const Observation& seen) { return summary(contain(judge(seen), seen)); }

const Finding& finding(const Verdict& verdict, std::string_view code) {
  const auto found = std::ranges::find(verdict.findings, code, &Finding::code);
  BOOST_REQUIRE_MESSAGE(found != verdict.findings.end(), code);
  return *found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(containment)

BOOST_AUTO_TEST_CASE(without_a_kill_switch_nothing_changes) {
  for (const auto& seen : {sound(), leaking()}) BOOST_TEST((contain(judge(seen), seen) == judge(seen)));
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_is_gone_is_contained_while_the_kill_switch_holds) {
  BOOST_TEST((judge(leaking()).state == State::danger));
  const auto seen = held(leaking());
  const auto verdict = contain(judge(seen), seen);
  BOOST_TEST((verdict.state == State::contained));
  for (const auto* code : {"default_route_outside", "ipv6_outside"}) {
    BOOST_TEST((finding(verdict, code).severity == Severity::contained));
    BOOST_TEST((finding(verdict, code).evidence["held_by"] == "kill_switch"));
  }
}

BOOST_AUTO_TEST_CASE(a_sound_target_stays_secure_behind_one) { BOOST_TEST(told(held(sound())) == "secure"); }

BOOST_AUTO_TEST_CASE(what_a_route_or_rule_lets_out_is_contained_with_the_tunnel_up_too) {
  BOOST_TEST(told(held(with(by_route("198.18.0.1", "198.18.0.0/15")))) == "contained: route_injected(contained)");
  BOOST_TEST(told(held(with(by_route("45.33.120.201", "45.0.0.0/8", 2, "")))) == "contained: route_captures_local(contained)");
  auto selected = by_route("198.18.0.1", "0.0.0.0/0");
  selected.flow = 1;
  auto seen = with(selected);
  seen.flows = {{}, {"uid 1000", "uid 1000", false}};
  BOOST_TEST(told(held(seen)) == "contained: rule_changed(contained)");
}

BOOST_AUTO_TEST_CASE(what_its_rules_let_pass_stays_a_danger) {
  // To a network that it takes for local, to a VPN server, by a stranger with the tunnel's name, and by an interface that nobody knows.
  BOOST_TEST(told(held(with(by_route("203.0.113.9", "203.0.113.0/28")))) == "danger: route_injected");
  BOOST_TEST(told(held(with(by_route("198.51.100.77", "198.51.100.0/24")))) == "danger: route_injected");
  for (const auto* device : {"wg0", "if12"}) {
    auto by_name = by_route("198.18.0.1", "198.18.0.0/15");
    by_name.way->device = device;
    BOOST_TEST(told(held(with(by_name))) == "danger: route_injected", device);
  }
}

BOOST_AUTO_TEST_CASE(one_way_that_is_open_makes_its_finding_a_danger_and_leaves_the_others_contained) {
  auto seen = leaking();
  seen.look_ups.push_back(by_route("203.0.113.9", "203.0.113.0/28"));
  const auto verdict = contain(judge(held(seen)), held(seen));
  BOOST_TEST((verdict.state == State::danger));
  BOOST_TEST((finding(verdict, "route_injected").severity == Severity::danger));
  BOOST_TEST((finding(verdict, "default_route_outside").severity == Severity::contained));
}

BOOST_AUTO_TEST_CASE(an_open_way_that_was_no_news_beside_a_greater_leak_is_told) {
  auto seen = leaking();
  auto open = by_route("2a00:1::1", "2a00:1::/32", 9, "fe80::1");
  seen.look_ups.push_back(open);
  auto view = holding();
  view.passing_networks.push_back(IpPrefix::parse("2a00:1::/32").value());
  seen.kill_switch = view;
  BOOST_TEST(std::ranges::count(judge(seen).findings, "route_injected", &Finding::code) == 0);
  const auto verdict = contain(judge(seen), seen);
  BOOST_TEST((verdict.state == State::danger));
  BOOST_TEST((finding(verdict, "route_injected").severity == Severity::danger));
}

BOOST_AUTO_TEST_CASE(a_kill_switch_that_is_not_shown_to_hold_contains_nothing) {
  for (const auto state : {Standing::off, Standing::changed, Standing::unproven, Standing::failed}) {
    auto seen = held(leaking());
    seen.kill_switch->state = state;
    const auto verdict = contain(judge(seen), seen);
    BOOST_TEST((verdict.state == State::danger));
    BOOST_TEST((finding(verdict, "default_route_outside").severity == Severity::danger));
  }
}

BOOST_AUTO_TEST_CASE(dangers_that_routes_do_not_show_are_not_contained) {
  auto seen = held(sound());
  Verdict bare = judge(seen);
  bare.findings.push_back({"exit_is_uplink", Severity::danger, at(0)});
  bare.state = State::danger;
  BOOST_TEST(summary(contain(bare, seen)) == "danger: exit_is_uplink");
}

BOOST_AUTO_TEST_CASE(not_seeing_the_routes_is_contained_where_no_stranger_has_the_tunnels_name) {
  auto seen = held(without_tunnel(together(all_v4(nowhere), {failed_look_up("2600::1")})));
  BOOST_TEST((judge(seen).state == State::danger));
  BOOST_TEST((contain(judge(seen), seen).state == State::contained));
  seen.replaced_by_stranger = true;
  BOOST_TEST((contain(judge(seen), seen).state == State::danger));
}

BOOST_AUTO_TEST_CASE(a_look_that_sees_nothing_at_all_is_not_calmed) {
  auto seen = held(without_tunnel({failed_look_up("11.0.0.1"), failed_look_up("2600::1")}));
  auto bare = judge(seen);
  keep_severe(bare, judge(leaking()));
  BOOST_TEST((contain(bare, seen).state == State::danger));
}

BOOST_AUTO_TEST_CASE(what_was_kept_from_an_earlier_look_is_contained_only_with_all_of_its_evidence) {
  const auto before = judge(with(by_route("198.18.0.1", "198.18.0.0/15")));
  auto seen = held(sound());
  seen.look_ups.push_back(failed_look_up("198.18.0.1"));
  auto bare = judge(seen);
  keep_unanswered(bare, before, seen);
  BOOST_TEST((finding(contain(bare, seen), "route_injected").severity == Severity::contained));
  for (auto& kept : bare.findings) {
    if (kept.code == "route_injected") kept.evidence["more"] = 3;
  }
  BOOST_TEST((finding(contain(bare, seen), "route_injected").severity == Severity::danger));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(of_the_kill_switch_itself)

BOOST_AUTO_TEST_CASE(what_is_told_of_each_state) {
  struct Row {
    Mode mode;
    Standing state;
    std::string_view expected;
  };
  const std::vector<Row> rows{{Mode::armed, Standing::armed, "secure"},
                              {Mode::armed, Standing::changed, "secure"},
                              {Mode::armed, Standing::unproven, "danger: kill_switch_not_holding"},
                              {Mode::armed, Standing::failed, "warning: kill_switch_failed"},
                              {Mode::armed, Standing::off, "warning: kill_switch_failed"},
                              {Mode::on_danger, Standing::off, "secure"},
                              {Mode::on_danger, Standing::armed, "secure"},
                              {Mode::on_danger, Standing::failed, "warning: kill_switch_failed"},
                              {Mode::on_danger, Standing::unproven, "danger: kill_switch_not_holding"},
                              {Mode::off, Standing::armed, "secure: kill_switch_unasked"}};
  for (const auto& row : rows) {
    auto seen = held(sound());
    seen.kill_switch->mode = row.mode;
    seen.kill_switch->state = row.state;
    seen.kill_switch->why = "a canary left by eth0 (IPv4)";
    BOOST_TEST_CONTEXT(static_cast<int>(row.mode) << "/" << static_cast<int>(row.state)) { BOOST_TEST(told(seen) == row.expected); }
  }
}

BOOST_AUTO_TEST_CASE(the_users_word_is_information_and_no_failure) {
  auto seen = held(sound());
  seen.kill_switch->state = Standing::off;
  seen.kill_switch->disarmed = at(-60);
  BOOST_TEST(told(seen) == "secure: kill_switch_disarmed");
  seen = held(leaking());
  seen.kill_switch->state = Standing::off;
  seen.kill_switch->disarmed = at(-60);
  BOOST_TEST((contain(judge(seen), seen).state == State::danger));
}

BOOST_AUTO_TEST_CASE(gaps_and_missing_servers_are_told) {
  auto seen = held(sound());
  seen.kill_switch->gaps = {"what programs send by AF_PACKET: no such device"};
  seen.kill_switch->no_server = true;
  BOOST_TEST(told(seen) == "secure: kill_switch_incomplete");
  seen = held(without_tunnel(together(all_v4(nowhere), all_v6(nowhere))));
  seen.kill_switch->no_server = true;
  BOOST_TEST(told(seen) == "contained: tunnel_missing, kill_switch_no_server");
}

BOOST_AUTO_TEST_SUITE_END()
