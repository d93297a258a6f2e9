#include "probe/verdict/judge.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

using Way::Kind::local;
using Way::Kind::nowhere;
using Way::Kind::outside;
using Way::Kind::tunnel;

struct Row {
  std::string story;
  std::function<void(Observation&)> change;
  std::string expected;
};

void check(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    auto seen = sound();
    row.change(seen);
    BOOST_TEST(summary(judge(seen)) == row.expected, row.story << ": " << summary(judge(seen)) << ", expected " << row.expected);
  }
}

void no_tunnel(Observation& seen) { seen.tunnel.reset(); }
void down(Observation& seen) { seen.tunnel->up = false; }
void no_address(Observation& seen) { seen.tunnel->has_address = false; }

}  // namespace

BOOST_AUTO_TEST_SUITE(judge_routes)

BOOST_AUTO_TEST_CASE(a_sound_target_is_secure) {
  const auto verdict = judge(sound());
  BOOST_TEST(summary(verdict) == "secure");
}

BOOST_AUTO_TEST_CASE(a_dead_tunnel_is_contained_only_when_every_look_up_goes_nowhere) {
  const auto nothing = together(all_v4(nowhere), all_v6(nowhere));
  check({
      {"missing, unreachable everything", [&](auto& s) { no_tunnel(s), s.look_ups = nothing; }, "contained: tunnel_missing"},
      {"down, unreachable everything", [&](auto& s) { down(s), s.look_ups = nothing; }, "contained: tunnel_down"},
      {"no address, unreachable everything", [&](auto& s) { no_address(s), s.look_ups = nothing; }, "contained: tunnel_no_address"},
      {"up, nothing routed", [&](auto& s) { s.look_ups = nothing; }, "contained: tunnel_not_routed"},
      {"down, the own machine answers", [&](auto& s) { down(s), s.look_ups = {look_up("11.0.0.1", local)}; }, "contained: tunnel_down"},
      {"missing, v4 leaves", [&](auto& s) { no_tunnel(s), s.look_ups = together(all_v4(outside), all_v6(nowhere)); },
       "danger: default_route_outside, tunnel_missing"},
      {"down, v6 leaves", [&](auto& s) { down(s), s.look_ups = together(all_v4(nowhere), all_v6(outside)); },
       "danger: ipv6_outside, tunnel_down"},
      {"down, one quarter of v4 leaves",
       [&](auto& s) {
         down(s);
         s.look_ups = nothing;
         s.look_ups[2] = look_up("150.0.0.1", outside);
       },
       "danger: default_route_outside, tunnel_down"},
  });
}

BOOST_AUTO_TEST_CASE(a_stale_look_up_through_a_dead_tunnel_is_danger_not_contained) {
  check({
      {"down, all still by the tunnel", [](auto& s) { down(s); }, "danger: routes_unverifiable(danger), tunnel_down"},
      {"missing, one still by the tunnel",
       [](auto& s) {
         no_tunnel(s);
         s.look_ups = together(all_v4(nowhere), {look_up("2600::1", tunnel)});
       },
       "danger: routes_unverifiable(danger), tunnel_missing"},
      {"down, one outside and one stale",
       [](auto& s) {
         down(s);
         s.look_ups = {look_up("11.0.0.1", outside), look_up("100.0.0.1", tunnel)};
       },
       "danger: default_route_outside, routes_unverifiable(danger), tunnel_down"},
      // The device is up and its routes are really there: without a source address nothing leaves, and nothing is stale.
      {"no address, routes by the tunnel", [](auto& s) { no_address(s); }, "contained: tunnel_no_address"},
  });
}

BOOST_AUTO_TEST_CASE(what_could_not_be_looked_at_is_never_secure_and_never_contained) {
  check({
      {"blind",
       [](auto& s) {
         s.blind = Error{Error::Kind::not_permitted, "setns: not permitted"};
       },
       "warning: routes_unverifiable"},
      {"one look-up failed", [](auto& s) { s.look_ups[0] = failed_look_up("11.0.0.1"); }, "warning: routes_unverifiable"},
      {"every look-up failed",
       [](auto& s) {
         s.look_ups = {failed_look_up("11.0.0.1"), failed_look_up("2600::1")};
       },
       "warning: routes_unverifiable"},
      {"no look-up was made", [](auto& s) { s.look_ups.clear(); }, "warning: routes_unverifiable"},
      {"no look-up was made, no tunnel", [](auto& s) { no_tunnel(s), s.look_ups.clear(); },
       "danger: routes_unverifiable(danger), tunnel_missing"},
      {"down, one look-up failed, the others go nowhere",
       [](auto& s) {
         down(s);
         s.look_ups = all_v4(nowhere);
         s.look_ups[1] = failed_look_up("100.0.0.1");
       },
       "danger: routes_unverifiable(danger), tunnel_down"},
      {"one failed, another outside",
       [](auto& s) {
         s.look_ups = {look_up("11.0.0.1", outside), failed_look_up("100.0.0.1")};
       },
       "danger: default_route_outside, routes_unverifiable"},
      {"the namespace is gone", [](auto& s) { s.namespace_gone = true; }, "warning: namespace_gone"},
      {"everything was taken away from a container's namespace",
       [](auto& s) {
         no_tunnel(s);
         s.look_ups = all_v4(nowhere);
         s.abandoned = true;
       },
       "contained: tunnel_missing, namespace_abandoned"},
      {"gone says more than blind",
       [](auto& s) {
         s.namespace_gone = true;
         s.blind = Error{Error::Kind::not_found, "no such file"};
       },
       "warning: namespace_gone"},
  });
}

BOOST_AUTO_TEST_CASE(no_failed_look_up_ever_gives_green_or_blue) {
  for (const auto tunnel_state : {0, 1, 2, 3}) {
    for (const auto rest : {tunnel, outside, nowhere, local}) {
      auto seen = sound();
      if (tunnel_state == 1) no_tunnel(seen);
      if (tunnel_state == 2) down(seen);
      if (tunnel_state == 3) no_address(seen);
      seen.look_ups = together(all_v4(rest), {failed_look_up("2600::1")});
      const auto verdict = judge(seen);
      BOOST_TEST((verdict.state == State::warning || verdict.state == State::danger), summary(verdict));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_leaves_beside_a_working_tunnel_is_danger) {
  check({
      {"v6 outside beside tunnelled v4", [](auto& s) { s.look_ups = together(all_v4(tunnel), all_v6(outside)); }, "danger: ipv6_outside"},
      {"v4 outside beside tunnelled v6", [](auto& s) { s.look_ups = together(all_v4(outside), all_v6(tunnel)); },
       "danger: default_route_outside"},
      {"one quarter outside", [](auto& s) { s.look_ups[3] = look_up("200.0.0.1", outside); }, "danger: default_route_outside"},
      {"both families outside", [](auto& s) { s.look_ups = together(all_v4(outside), all_v6(outside)); },
       "danger: default_route_outside, ipv6_outside"},
  });
}

BOOST_AUTO_TEST_CASE(a_lost_uplink_is_contained_and_silences_the_checks) {
  check({
      {"uplink lost, tunnel still up",
       [](auto& s) {
         s.uplink_lost = true;
         s.exit = ExitView{{}, {}, "", "", "", "timed out"};
         s.whoami = WhoamiView{{}, "", "timed out"};
       },
       "contained: uplink_lost"},
      {"uplink lost, tunnel stalled",
       [](auto& s) {
         s.uplink_lost = true;
         s.liveness = LivenessView::stalled;
       },
       "contained: uplink_lost, tunnel_stalled"},
      {"uplink lost, but something leaves by another way",
       [](auto& s) {
         s.uplink_lost = true;
         s.look_ups[0] = look_up("11.0.0.1", outside, "wwan0");
       },
       "danger: default_route_outside, uplink_lost"},
  });
}

BOOST_AUTO_TEST_CASE(the_evidence_is_bounded) {
  auto seen = sound();
  seen.look_ups.clear();
  for (int i = 0; i < 500; ++i) seen.look_ups.push_back(look_up("11.0.0.1", outside, "eth" + std::to_string(i)));
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("routes").size() == 8U);
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("more") == 492U);
}

BOOST_AUTO_TEST_CASE(the_evidence_tells_each_way_once) {
  auto seen = sound();
  seen.look_ups = {look_up("11.0.0.1", outside), look_up("45.0.0.1", outside), look_up("128.0.0.1", outside, "eth1")};
  const auto routes = judge(seen).findings.at(0).evidence.at("routes");
  BOOST_REQUIRE(routes.size() == 2U);
  BOOST_TEST(routes[0].at("destination") == "11.0.0.1");
  BOOST_TEST(routes[1].at("device") == "eth1");
}

BOOST_AUTO_TEST_CASE(a_lost_uplink_is_no_news_once_something_answered_after_it) {
  auto seen = sound();
  seen.uplink_lost = true;
  seen.uplink_lost_for = std::chrono::seconds(5);
  seen.liveness = LivenessView::alive;
  seen.silent_for = std::chrono::seconds(6);
  BOOST_TEST(judge(seen).findings.at(0).code == "uplink_lost");
  seen.silent_for = std::chrono::seconds(1);
  BOOST_TEST(judge(seen).findings.empty());
  seen.exit = ExitView{};
  seen.exit->error = "no reply";
  BOOST_TEST(judge(seen).findings.at(0).code == "exit_unverifiable");
}

BOOST_AUTO_TEST_CASE(a_danger_is_not_milder_because_its_code_is_told_again_while_nobody_can_look) {
  auto seen = sound();
  seen.tunnel.reset();
  seen.look_ups = {failed_look_up("11.0.0.1")};
  const auto before = judge(seen);
  BOOST_TEST((before.state == State::danger));
  auto blind = sound();
  blind.blind = Error{Error::Kind::failed, "too many open files"};
  auto verdict = judge(blind);
  keep_severe(verdict, before);
  BOOST_TEST((verdict.state == State::danger));
}

BOOST_AUTO_TEST_CASE(a_leak_does_not_end_because_nobody_can_look) {
  auto seen = sound();
  seen.look_ups = all_v4(outside);
  const auto before = judge(seen);
  auto blind = sound();
  blind.blind = Error{Error::Kind::failed, "too many open files"};
  auto verdict = judge(blind);
  BOOST_TEST((verdict.state == State::warning));
  keep_severe(verdict, before);
  BOOST_TEST((verdict.state == State::danger));
  BOOST_REQUIRE(verdict.findings.size() == 2U);
  BOOST_TEST(verdict.findings[0].code == "default_route_outside");
  BOOST_TEST(verdict.findings[1].code == "routes_unverifiable");
}

BOOST_AUTO_TEST_CASE(a_leak_does_not_end_because_just_its_question_has_no_answer) {
  auto seen = sound();
  seen.look_ups = together(all_v4(Way::Kind::tunnel), all_v6(outside));
  const auto before = judge(seen);
  BOOST_TEST((before.state == State::danger));
  auto partly = sound();
  partly.look_ups = together(all_v4(Way::Kind::tunnel), {failed_look_up("2600::1")});
  auto verdict = judge(partly);
  BOOST_TEST(!is_blind(partly));
  BOOST_TEST((verdict.state == State::warning));
  keep_unanswered(verdict, before, partly);
  BOOST_TEST(summary(verdict) == "danger: ipv6_outside, routes_unverifiable");
  // What was answered ends.
  auto other = sound();
  other.look_ups = together(all_v6(Way::Kind::tunnel), {failed_look_up("11.0.0.1")});
  auto ended = judge(other);
  keep_unanswered(ended, before, other);
  BOOST_TEST((ended.state == State::warning));
}

BOOST_AUTO_TEST_CASE(a_stale_handshake_stays_stale_while_the_program_does_not_tell) {
  auto seen = sound();
  seen.liveness = LivenessView::off;
  seen.handshake_age = std::chrono::seconds{200};
  const auto before = judge(seen);
  BOOST_TEST(summary(before) == "warning: handshake_stale");
  seen.handshake_age.reset();
  auto silent = judge(seen);
  keep_unanswered(silent, before, seen);
  BOOST_TEST(summary(silent) == "warning: handshake_stale");
  seen.liveness = LivenessView::alive;
  auto alive = judge(seen);
  keep_unanswered(alive, before, seen);
  BOOST_TEST((alive.state == State::secure));
  seen.liveness = LivenessView::off;
  seen.handshake_age = std::chrono::seconds{3};
  auto renewed = judge(seen);
  keep_unanswered(renewed, before, seen);
  BOOST_TEST((renewed.state == State::secure));
}

BOOST_AUTO_TEST_CASE(a_program_that_tells_no_handshake_any_more_vouches_for_as_long_as_the_keys_live) {
  auto seen = sound();
  seen.liveness = LivenessView::off;
  seen.handshake_untold = std::chrono::seconds{180};
  BOOST_TEST((judge(seen).state == State::secure));
  seen.handshake_untold = std::chrono::seconds{181};
  const auto verdict = judge(seen);
  BOOST_TEST(summary(verdict) == "warning: tunnel_unverified");
  BOOST_TEST(verdict.findings.at(0).evidence.at("last_handshake_s") == 181);
  for (const auto answers : {LivenessView::alive, LivenessView::stalled, LivenessView::waiting}) {
    seen.liveness = answers;
    for (const auto& finding : judge(seen).findings) BOOST_TEST(!finding.evidence.contains("last_handshake_s"));
  }
}

BOOST_AUTO_TEST_CASE(a_stale_handshake_that_nobody_tells_any_more_is_one_finding) {
  auto seen = sound();
  seen.liveness = LivenessView::off;
  seen.handshake_age = std::chrono::seconds{200};
  const auto before = judge(seen);
  seen.handshake_age.reset();
  seen.handshake_untold = std::chrono::seconds{220};
  auto silent = judge(seen);
  keep_unanswered(silent, before, seen);
  BOOST_TEST(summary(silent) == "warning: handshake_stale");
}

BOOST_AUTO_TEST_CASE(nothing_becomes_calmer_because_nobody_can_look) {
  const auto nothing = together(all_v4(nowhere), all_v6(nowhere));
  const std::vector<Row> before{
      {"secure", [](auto&) {}, "warning: routes_unverifiable"},
      {"warning", [](auto& s) { s.liveness = LivenessView::stalled; }, "warning: routes_unverifiable"},
      {"contained without a tunnel", [&](auto& s) { no_tunnel(s), s.look_ups = nothing; },
       "danger: routes_unverifiable(danger), tunnel_missing"},
      {"contained with a tunnel that is up", [&](auto& s) { s.look_ups = nothing; },
       "danger: routes_unverifiable(danger), tunnel_not_routed"},
      {"contained by a lost uplink", [](auto& s) { s.uplink_lost = true; }, "danger: routes_unverifiable(danger), uplink_lost"},
      {"danger", [](auto& s) { s.look_ups = all_v4(outside); }, "danger: default_route_outside, routes_unverifiable"},
  };
  auto blind = sound();
  blind.look_ups.clear();
  blind.blind = Error{Error::Kind::failed, "too many open files"};
  auto unanswered = sound();
  unanswered.look_ups = {failed_look_up("11.0.0.1"), failed_look_up("2600::1")};
  for (const auto& row : before) {
    auto seen = sound();
    row.change(seen);
    const auto previous = judge(seen);
    BOOST_TEST(!is_blind(seen), row.story);
    for (const auto& unseen : {blind, unanswered}) {
      BOOST_TEST(is_blind(unseen));
      auto verdict = judge(unseen);
      keep_severe(verdict, previous);
      BOOST_TEST(summary(verdict) == row.expected, row.story << ": " << summary(verdict));
      auto later = judge(unseen);
      keep_severe(later, verdict);
      BOOST_TEST(summary(later) == row.expected, row.story << ", a second later: " << summary(later));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_namespace_that_is_gone_sends_nothing_and_is_not_blind) {
  auto seen = sound();
  seen.look_ups.clear();
  seen.namespace_gone = true;
  seen.blind = Error{Error::Kind::not_found, "no such file"};
  BOOST_TEST(!is_blind(seen));
}

BOOST_AUTO_TEST_CASE(findings_carry_the_time_of_the_observation_and_the_severe_ones_come_first) {
  auto seen = sound();
  down(seen);
  seen.look_ups = together(all_v4(outside), all_v6(outside));
  const auto verdict = judge(seen);
  for (const auto& finding : verdict.findings) BOOST_TEST((finding.since == seen.time));
  BOOST_TEST(std::ranges::is_sorted(verdict.findings, std::ranges::greater{}, &Finding::severity));
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_lacks_what_the_kernel_told_proves_nothing_after_a_while) {
  auto seen = sound();
  seen.out_of_step_for = std::chrono::milliseconds{1500};
  BOOST_TEST(summary(judge(seen)) == "secure");
  seen.out_of_step_for = std::chrono::milliseconds{1501};
  BOOST_TEST(summary(judge(seen)) == "warning: routes_unverifiable");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("out_of_step_ms") == 1501);
  seen.unasked_rules = {"rule 5 from all tos 0x10 lookup 7"};
  BOOST_TEST(summary(judge(seen)) == "warning: routes_unverifiable");
  seen = sound();
  seen.out_of_step_for = std::chrono::seconds{60};
  seen.tunnel->up = false;
  seen.look_ups = all_v4(Way::Kind::nowhere);
  BOOST_TEST(summary(judge(seen)) == "danger: routes_unverifiable(danger), tunnel_down");
}

BOOST_AUTO_TEST_SUITE_END()
