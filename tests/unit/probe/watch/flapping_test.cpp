#include "probe/watch/flapping.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/watch/publish_gate.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

const MonoTime start{std::chrono::hours(1)};

Verdict verdict_of(std::vector<std::pair<std::string, Severity>> codes) {
  Verdict made;
  for (const auto& [code, severity] : codes) made.findings.push_back(Finding{code, severity, at(0), nlohmann::json::object()});
  made.state = state_of(made.findings);
  return made;
}

Verdict secure() { return verdict_of({}); }
Verdict down() { return verdict_of({{"tunnel_down", Severity::contained}}); }
Verdict missing() { return verdict_of({{"tunnel_missing", Severity::contained}}); }
Verdict leak() { return verdict_of({{"default_route_outside", Severity::danger}}); }

/// A gate whose target goes up and down, and what people were told.
struct FlappingTarget {
  void judge(const Verdict& verdict, MonoTime now) {
    const auto decision = gate.decide(verdict, false, now);
    again_at = decision.again_at;
    if (decision.publish) told.push_back(summary(*gate.published()));
  }
  /// Down at the beginning of each period, up in its middle; the end.
  MonoTime flap(MonoTime from, std::chrono::milliseconds period, int times, const Verdict& worse, const Verdict& better) {
    for (int i = 0; i < times; ++i) {
      judge(worse, from + i * period);
      judge(better, from + i * period + period / 2);
    }
    return from + (times - 1) * period + period / 2;
  }

  PublishGate gate;
  std::vector<std::string> told;
  std::optional<MonoTime> again_at;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(flapping, FlappingTarget)

BOOST_AUTO_TEST_CASE(a_few_restarts_in_a_row_are_told_as_they_are) {
  judge(secure(), start);
  flap(start + 1s, 2s, 3, down(), secure());
  BOOST_TEST(told.size() == 7U);
  BOOST_TEST(told.back() == "secure");
}

BOOST_AUTO_TEST_CASE(a_slow_rhythm_is_no_flapping) {
  judge(secure(), start);
  flap(start + 1s, 4s, 20, down(), secure());
  BOOST_TEST(told.size() == 41U);
}

BOOST_AUTO_TEST_CASE(however_often_it_flaps_people_are_told_a_few_times_and_the_worse_state_is_shown) {
  judge(secure(), start);
  const auto end = flap(start + 1s, 20ms, 3000, down(), secure());
  BOOST_TEST(told.size() == 8U);
  BOOST_TEST(told.back() == "contained: tunnel_down, flapping");
  BOOST_TEST((again_at == end + Flapping::calm));
  judge(secure(), end + Flapping::calm - 1ms);
  BOOST_TEST(told.size() == 8U);
  judge(secure(), end + Flapping::calm);
  BOOST_TEST(told.size() == 9U);
  BOOST_TEST(told.back() == "secure");
}

BOOST_AUTO_TEST_CASE(what_is_worse_than_what_is_shown_is_told_at_once_and_then_stays) {
  judge(secure(), start);
  const auto end = flap(start + 1s, 20ms, 50, down(), secure());
  judge(leak(), end + 10ms);
  BOOST_TEST(told.back() == "danger: default_route_outside, tunnel_down, flapping");
  const auto before = told.size();
  const auto later = flap(end + 20ms, 20ms, 50, down(), secure());
  BOOST_TEST(told.size() == before);
  BOOST_TEST((gate.published()->state == State::danger));
  // The leak has been away for long enough, and the rest still flaps.
  const auto last = flap(later + 20ms, 20ms, 250, down(), secure());
  BOOST_TEST(told.back() == "contained: tunnel_down, flapping");
  judge(secure(), last + Flapping::calm);
  BOOST_TEST(told.back() == "secure");
}

BOOST_AUTO_TEST_CASE(findings_that_take_turns_in_one_state_flap_too) {
  judge(secure(), start);
  flap(start + 1s, 20ms, 500, down(), missing());
  BOOST_TEST(told.size() == 8U);
  BOOST_TEST(told.back() == "contained: tunnel_down, tunnel_missing, flapping");
}

BOOST_AUTO_TEST_CASE(information_that_comes_and_goes_is_held_like_anything_else) {
  judge(secure(), start);
  flap(start + 1s, 20ms, 500, verdict_of({{"rule_changed", Severity::information}}), secure());
  BOOST_TEST(told.size() == 8U);
  BOOST_TEST(told.back() == "secure: flapping, rule_changed(information)");
}

BOOST_AUTO_TEST_CASE(a_finding_that_is_only_less_severe_now_keeps_its_worse_severity_while_it_flaps) {
  judge(secure(), start);
  flap(start + 1s, 20ms, 50, verdict_of({{"routes_unverifiable", Severity::danger}}),
       verdict_of({{"routes_unverifiable", Severity::warning}}));
  BOOST_TEST(told.back() == "danger: routes_unverifiable(danger), flapping");
}

BOOST_AUTO_TEST_CASE(a_finding_that_came_often_and_then_stays_is_no_flapping_after_a_while) {
  judge(secure(), start);
  const auto end = flap(start + 1s, 20ms, 50, down(), secure());
  judge(down(), end + 10ms);
  BOOST_TEST(told.back() == "contained: tunnel_down, flapping");
  judge(down(), end + 11s);
  BOOST_TEST(told.back() == "contained: tunnel_down");
}

BOOST_AUTO_TEST_CASE(after_it_was_calm_the_next_loss_is_told_at_once) {
  judge(secure(), start);
  const auto end = flap(start + 1s, 20ms, 50, down(), secure());
  judge(secure(), end + 6s);
  BOOST_TEST(told.back() == "secure");
  judge(leak(), end + 6100ms);
  BOOST_TEST(told.back().starts_with("danger: default_route_outside"));
}

BOOST_AUTO_TEST_CASE(it_says_which_findings_flap) {
  judge(secure(), start);
  flap(start + 1s, 20ms, 50, down(), secure());
  BOOST_TEST(gate.published()->findings.back().evidence.at("findings").dump() == R"(["tunnel_down"])");
}

BOOST_AUTO_TEST_SUITE_END()
