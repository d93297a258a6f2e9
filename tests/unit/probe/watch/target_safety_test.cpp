#include "probe/watch/target_safety.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

TargetSafety with(std::string code, Severity severity) {
  auto seen = sound();
  Verdict bare;
  bare.findings = {{std::move(code), severity, at(0)}};
  bare.state = state_of(bare.findings);
  return safety_of(bare, seen);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(target_safety)

BOOST_AUTO_TEST_CASE(only_a_tunnel_that_carries_without_a_doubt_is_safe) {
  BOOST_TEST((safety_of(judge(sound()), sound()) == TargetSafety::safe));
  BOOST_TEST((with("dns_unverifiable", Severity::warning) == TargetSafety::safe));
  BOOST_TEST((with("baseline_drift", Severity::information) == TargetSafety::safe));
  for (const auto* const doubt : {"routes_unverifiable", "tunnel_unverified", "tunnel_stalled", "exit_disagrees", "a_code_of_tomorrow"}) {
    BOOST_TEST((with(doubt, Severity::warning) == TargetSafety::unknown), doubt);
  }
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_is_gone_is_not_safe_although_nothing_leaves) {
  auto seen = sound();
  seen.tunnel.reset();
  seen.look_ups = together(all_v4(Way::Kind::nowhere), all_v6(Way::Kind::nowhere));
  BOOST_TEST((safety_of(judge(seen), seen) == TargetSafety::unknown));
  seen.look_ups = all_v4(Way::Kind::outside);
  BOOST_TEST((safety_of(judge(seen), seen) == TargetSafety::danger));
}

BOOST_AUTO_TEST_CASE(who_sees_nothing_knows_nothing) {
  auto seen = sound();
  seen.look_ups = {failed_look_up("11.0.0.1")};
  BOOST_TEST((safety_of(judge(seen), seen) == TargetSafety::unknown));
  seen = {};
  seen.namespace_gone = true;
  BOOST_TEST((safety_of(judge(seen), seen) == TargetSafety::unknown));
}

BOOST_AUTO_TEST_SUITE_END()
