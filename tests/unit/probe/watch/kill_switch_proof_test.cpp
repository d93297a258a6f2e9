#include "probe/watch/kill_switch_proof.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

CanaryReport sent(CanaryOutcome outcome, Family family = Family::v4) { return {"eth0", family, outcome, false, {}}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(kill_switch_proof)

BOOST_AUTO_TEST_CASE(one_that_was_held_proves_it_and_needs_no_words) {
  const auto proof = judge_canaries({sent(CanaryOutcome::held), sent(CanaryOutcome::no_way_out, Family::v6)});
  BOOST_TEST((proof.verdict == Proof::holds));
  BOOST_TEST(proof.why.empty());
  BOOST_TEST(proof.canaries.size() == 2U);
}

BOOST_AUTO_TEST_CASE(one_that_left_is_told_with_its_device) {
  const auto proof = judge_canaries({sent(CanaryOutcome::held), {"eth1", Family::v4, CanaryOutcome::left, true, {}}});
  BOOST_TEST((proof.verdict == Proof::broken));
  BOOST_TEST(proof.why == "a canary left by eth1 (AF_PACKET)");
}

BOOST_AUTO_TEST_CASE(why_nothing_was_shown_is_told) {
  BOOST_TEST(judge_canaries({}).why == "there is no uplink to send a canary by");
  BOOST_TEST(judge_canaries({sent(CanaryOutcome::no_way_out)}).why == "no canary had a way out");
  const auto refused = judge_canaries({sent(CanaryOutcome::held), sent(CanaryOutcome::refused, Family::v6)});
  BOOST_TEST((refused.verdict == Proof::unproven));
  BOOST_TEST(refused.why == "the canary by eth0 (IPv6) was refused, and our tables noted nothing of it");
  const auto unsent = judge_canaries({sent(CanaryOutcome::held), sent(CanaryOutcome::may_leave, Family::v6)});
  BOOST_TEST((unsent.verdict == Proof::unproven));
  BOOST_TEST(unsent.why == "a canary by eth0 (IPv6) might leave on purpose, so it was not sent");
}

BOOST_AUTO_TEST_SUITE_END()
