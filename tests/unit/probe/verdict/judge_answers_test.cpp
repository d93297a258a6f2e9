#include <boost/test/unit_test.hpp>

#include "probe/verdict/judge.hpp"
#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

Finding finding(std::string code, Severity severity, int seconds) {
  return Finding{std::move(code), severity, at(seconds), nlohmann::json::object()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(judge_answers)

BOOST_AUTO_TEST_CASE(a_tunnel_that_never_answered_is_not_secure_yet) {
  auto seen = sound();
  seen.liveness = LivenessView::waiting;
  BOOST_TEST(summary(judge(seen)) == "warning: tunnel_unverified");
}

BOOST_AUTO_TEST_CASE(a_stalled_tunnel_is_told_once_and_not_again_by_failed_checks) {
  auto seen = sound();
  seen.liveness = LivenessView::stalled;
  seen.silent_for = std::chrono::milliseconds{3200};
  seen.exit = ExitView{{}, {}, "", "", "", "timed out"};
  seen.whoami = WhoamiView{{}, "", "timed out"};
  const auto verdict = judge(seen);
  BOOST_TEST(summary(verdict) == "warning: tunnel_stalled");
  BOOST_TEST(verdict.findings.at(0).evidence.at("silent_ms") == 3200);
}

BOOST_AUTO_TEST_CASE(liveness_says_nothing_about_a_tunnel_that_is_down_or_not_routed) {
  auto seen = sound();
  seen.liveness = LivenessView::stalled;
  seen.look_ups = all_v4(Way::Kind::nowhere);
  BOOST_TEST(summary(judge(seen)) == "contained: tunnel_not_routed");
  seen.tunnel->up = false;
  BOOST_TEST(summary(judge(seen)) == "contained: tunnel_down");
}

BOOST_AUTO_TEST_CASE(switched_off_and_not_yet_made_checks_are_no_finding) {
  auto seen = sound();
  seen.liveness = LivenessView::off;
  seen.exit.reset();
  seen.whoami.reset();
  BOOST_TEST(summary(judge(seen)) == "secure");
}

BOOST_AUTO_TEST_CASE(a_check_that_failed_is_a_warning_with_the_reason) {
  auto seen = sound();
  seen.exit = ExitView{{}, {}, "", "", "", "trace.test: connection refused"};
  BOOST_TEST(summary(judge(seen)) == "warning: exit_unverifiable");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("error") == "trace.test: connection refused");
  seen = sound();
  seen.whoami = WhoamiView{{}, "192.0.2.53:53", "REFUSED"};
  BOOST_TEST(summary(judge(seen)) == "warning: dns_unverifiable");
  seen.exit = ExitView{{}, {}, "", "", "", "timed out"};
  BOOST_TEST(summary(judge(seen)) == "warning: exit_unverifiable, dns_unverifiable");
}

BOOST_AUTO_TEST_CASE(a_check_that_has_not_answered_in_its_time_is_a_warning_and_before_that_no_finding) {
  auto seen = sound();
  seen.exit.reset();
  seen.whoami.reset();
  seen.exit_pending = seen.whoami_pending = PendingView{std::chrono::milliseconds{9'999}, false};
  BOOST_TEST(summary(judge(seen)) == "secure");
  seen.exit_pending->overdue = true;
  BOOST_TEST(summary(judge(seen)) == "warning: exit_unverifiable");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("error") == "no answer yet");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("waited_ms") == 9'999);
  seen.whoami_pending->overdue = true;
  BOOST_TEST(summary(judge(seen)) == "warning: exit_unverifiable, dns_unverifiable");
  seen.liveness = LivenessView::stalled;
  BOOST_TEST(summary(judge(seen)) == "warning: tunnel_stalled");
}

BOOST_AUTO_TEST_CASE(dns_that_leaves_by_another_network_than_https_is_a_warning) {
  const struct {
    const char* exit_v4;
    const char* exit_v6;
    const char* egress;
    const char* expected;
  } rows[]{
      {"198.51.100.2", "", "198.51.100.2", "secure"},
      {"198.51.100.2", "", "198.51.100.77", "secure"},  // one provider, several addresses of its /24
      {"198.51.100.2", "", "198.51.101.2", "warning: dns_path_differs"},
      {"198.51.100.2", "", "203.0.113.9", "warning: dns_path_differs"},
      {"198.51.100.2", "2001:db8:1::2", "2001:db8:1::99", "secure"},
      {"198.51.100.2", "2001:db8:1::2", "2001:db8:2::2", "warning: dns_path_differs"},
      {"198.51.100.2", "", "2001:db8:2::2", "secure"},  // another family: nothing to compare
  };
  for (const auto& row : rows) {
    auto seen = sound();
    seen.exit->v4 = ip(row.exit_v4);
    if (*row.exit_v6 != '\0') seen.exit->v6 = ip(row.exit_v6);
    seen.whoami->egress = ip(row.egress);
    BOOST_TEST(summary(judge(seen)) == row.expected,
               row.exit_v4 << " " << row.exit_v6 << " " << row.egress << ": " << summary(judge(seen)));
  }
}

BOOST_AUTO_TEST_CASE(information_never_changes_the_state) {
  std::vector<Finding> findings{finding("flapping", Severity::information, 0)};
  BOOST_TEST((state_of(findings) == State::secure));
  findings.push_back(finding("tunnel_stalled", Severity::warning, 0));
  BOOST_TEST((state_of(findings) == State::warning));
}

BOOST_AUTO_TEST_CASE(a_finding_that_stays_keeps_its_first_time) {
  std::vector<Finding> now{finding("tunnel_down", Severity::contained, 60), finding("ipv6_outside", Severity::danger, 60)};
  const std::vector<Finding> before{finding("tunnel_down", Severity::danger, 10), finding("flapping", Severity::information, 5)};
  carry_since(now, before);
  BOOST_TEST((now[0].since == at(10)));
  BOOST_TEST((now[1].since == at(60)));
  carry_since(now, {});
  BOOST_TEST((now[0].since == at(10)));
}

BOOST_AUTO_TEST_CASE(two_verdicts_are_the_same_when_only_evidence_and_times_differ) {
  auto seen = sound();
  seen.tunnel->up = false;
  seen.look_ups = all_v4(Way::Kind::nowhere);
  const auto first = judge(seen);
  seen.time = at(30);
  seen.tunnel->carrier = false;
  auto second = judge(seen);
  BOOST_TEST(!(first == second));
  BOOST_TEST(same_judgement(first, second));
  second.findings[0].severity = Severity::danger;
  BOOST_TEST(!same_judgement(first, second));
  BOOST_TEST(!same_judgement(first, judge(sound())));
}

BOOST_AUTO_TEST_CASE(that_pinned_routes_are_too_many_to_be_compared_is_told) {
  auto seen = sound();
  seen.drift.not_compared = "700 routes are more than 512 and are not compared";
  BOOST_TEST(summary(judge(seen)) == "secure");
  seen.drift.pinned = true;
  BOOST_TEST(summary(judge(seen)) == "secure: baseline_drift");
  BOOST_TEST(judge(seen).findings.at(0).evidence.at("not_compared") == seen.drift.not_compared);
  seen.drift.routes = {"10 routes were there"};
  BOOST_TEST(summary(judge(seen)) == "warning: baseline_drift(warning)");
  BOOST_TEST(judge(seen).findings.at(0).evidence.contains("not_compared"));
}

BOOST_AUTO_TEST_CASE(a_public_subnet_that_counts_as_local_is_told_and_changes_no_state) {
  auto seen = sound();
  seen.public_subnets = {{IpPrefix::parse("203.0.113.0/24").value(), "eth0"}, {IpPrefix::parse("2001:db8::/64").value(), "eth0"}};
  const auto verdict = judge(seen);
  BOOST_TEST(summary(verdict) == "secure: local_network_public");
  const nlohmann::json networks{"203.0.113.0/24 dev eth0", "2001:db8::/64 dev eth0"};
  BOOST_TEST(verdict.findings.at(0).evidence.at("networks") == networks);
}

BOOST_AUTO_TEST_CASE(wireguard_that_never_had_a_handshake_is_not_verified_unless_something_answers) {
  const struct {
    LivenessView liveness;
    const char* expected;
  } rows[]{{LivenessView::off, "warning: tunnel_unverified"},
           {LivenessView::waiting, "warning: tunnel_unverified"},
           {LivenessView::stalled, "warning: tunnel_stalled"},
           {LivenessView::alive, "secure"}};
  for (const auto& row : rows) {
    auto seen = sound();
    seen.never_shook_hands = true;
    seen.liveness = row.liveness;
    const auto verdict = judge(seen);
    BOOST_TEST(summary(verdict) == row.expected);
    if (summary(verdict).ends_with("tunnel_unverified")) BOOST_TEST(verdict.findings.at(0).evidence.at("handshake") == "none yet");
  }
}

BOOST_AUTO_TEST_SUITE_END()
