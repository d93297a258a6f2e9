#include "probe/watch/publish_gate.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

Verdict secure() { return Verdict{State::secure, {}}; }
Verdict danger() { return Verdict{State::danger, {Finding{"default_route_outside", Severity::danger, WallTime{}, {}}}}; }

const MonoTime start{std::chrono::hours(1)};

}  // namespace

BOOST_AUTO_TEST_SUITE(publish_gate)

BOOST_AUTO_TEST_CASE(bad_news_go_out_at_once_even_as_the_first) {
  PublishGate gate;
  BOOST_TEST(gate.decide(danger(), true, start).publish);
  BOOST_TEST((gate.published()->state == State::danger));
}

BOOST_AUTO_TEST_CASE(a_good_start_waits_for_its_checks_but_not_for_ever) {
  PublishGate gate;
  const auto first = gate.decide(secure(), true, start);
  BOOST_TEST(!first.publish);
  BOOST_REQUIRE(first.again_at.has_value());
  BOOST_TEST((*first.again_at == start + PublishGate::start_patience));
  BOOST_TEST(!gate.published().has_value());
  BOOST_TEST(gate.decide(secure(), true, *first.again_at).publish);
}

BOOST_AUTO_TEST_CASE(an_improvement_waits_until_it_is_confirmed_or_the_patience_ends) {
  PublishGate gate;
  BOOST_TEST(gate.decide(danger(), false, start).publish);
  BOOST_TEST(!gate.decide(secure(), true, start + 10ms).publish);
  BOOST_TEST((gate.published()->state == State::danger));
  BOOST_TEST(gate.decide(secure(), false, start + 20ms).publish);

  BOOST_TEST(gate.decide(danger(), false, start + 30ms).publish);
  BOOST_TEST(!gate.decide(secure(), true, start + 40ms).publish);
  BOOST_TEST(gate.decide(secure(), true, start + 40ms + PublishGate::settle).publish);
}

BOOST_AUTO_TEST_CASE(a_relapse_while_an_improvement_waits_is_no_news_and_starts_the_patience_anew) {
  PublishGate gate;
  BOOST_TEST(gate.decide(danger(), false, start).publish);
  BOOST_TEST(!gate.decide(secure(), true, start + 10ms).publish);
  BOOST_TEST(!gate.decide(danger(), true, start + 900ms).publish);
  const auto again = gate.decide(secure(), true, start + 1100ms);
  BOOST_TEST(!again.publish);
  BOOST_TEST((*again.again_at == start + 1100ms + PublishGate::settle));
}

BOOST_AUTO_TEST_CASE(the_same_judgement_is_told_once_and_its_evidence_kept_fresh) {
  PublishGate gate;
  BOOST_TEST(gate.decide(danger(), false, start).publish);
  auto fresh = danger();
  fresh.findings[0].evidence = nlohmann::json{{"routes", 2}};
  BOOST_TEST(!gate.decide(fresh, false, start + 1s).publish);
  BOOST_TEST(gate.published()->findings[0].evidence.at("routes") == 2);
}

BOOST_AUTO_TEST_CASE(without_debouncing_every_change_of_a_flapping_target_is_told) {
  PublishGate gate{false};
  for (int i = 0; i < 20; ++i) {
    BOOST_TEST(gate.decide(danger(), false, start + i * 20ms).publish);
    BOOST_TEST(gate.decide(secure(), false, start + i * 20ms + 10ms).publish);
    BOOST_TEST((gate.published()->state == State::secure));
  }
}

BOOST_AUTO_TEST_SUITE_END()
