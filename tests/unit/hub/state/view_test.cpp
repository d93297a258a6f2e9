#include "hub/state/view.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(view)

using namespace vpn_sentinel;
using test::at;

namespace {

ClientState client_in(State state, WallTime deadline = at(30)) {
  ClientState client;
  client.client_id = "a";
  client.state = state;
  client.since = at(-100);
  client.lease_deadline = deadline;
  if (state == State::danger) client.findings = {test::finding("default_route_outside", Severity::danger, at(-100))};
  return client;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_reader_sees_an_overdue_client_as_silent_even_when_nobody_judged_it) {
  const auto client = std::make_shared<const ClientState>(client_in(State::secure));
  BOOST_TEST((seen_at(client, at(32.9)) == client));
  const auto seen = seen_at(client, at(33));
  BOOST_TEST((seen->state == State::offline));
  BOOST_TEST((seen->since == at(30)));
  BOOST_TEST((seen->state_before_offline == State::secure));
  BOOST_TEST(seen->findings.at(0).code == "lease_expired");
}

BOOST_AUTO_TEST_CASE(a_reader_sees_an_offline_client_and_an_unknown_one_as_they_are) {
  const auto client = std::make_shared<const ClientState>(client_in(State::offline));
  BOOST_TEST((seen_at(client, at(1000)) == client));
  BOOST_TEST((seen_at(nullptr, at(1000)) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_report_that_could_not_be_stored_shows_the_worse_of_both_states_and_is_never_green) {
  const auto secure = client_in(State::secure);
  const auto danger = client_in(State::danger);
  const auto silent = gone_silent(danger);
  BOOST_TEST((not_stored(danger, &secure, at(0)).state == State::danger));
  BOOST_TEST((not_stored(secure, &danger, at(0)).state == State::danger));
  BOOST_TEST((not_stored(secure, &secure, at(0)).state == State::warning));
  BOOST_TEST((not_stored(secure, &silent, at(0)).state == State::warning));
  BOOST_TEST((not_stored(secure, nullptr, at(0)).state == State::warning));
  const auto shown = not_stored(secure, &danger, at(0));
  BOOST_TEST((shown.since == at(-100)));
  BOOST_TEST(shown.findings.at(0).code == "default_route_outside");
  BOOST_TEST(shown.findings.at(1).code == "hub_cannot_store");
}

BOOST_AUTO_TEST_CASE(a_store_that_goes_on_failing_is_one_finding_with_its_first_time) {
  const auto first = not_stored(client_in(State::secure), nullptr, at(0));
  const auto second = not_stored(client_in(State::secure), &first, at(10));
  BOOST_REQUIRE_EQUAL(second.findings.size(), 1U);
  BOOST_TEST((second.findings[0].since == at(0)));
  BOOST_TEST((second.since == at(0)));
}

BOOST_AUTO_TEST_SUITE_END()
