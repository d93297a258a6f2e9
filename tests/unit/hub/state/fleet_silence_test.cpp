// What silence, late reports and a hub that was blind make of a client.
#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(fleet_silence)

using namespace vpn_sentinel;
using test::at;
using test::queued;
using test::report;
using test::stopping;
using Kind = Change::Kind;
using std::chrono::seconds;

namespace {

const FleetPolicy policy{};
using Ids = std::vector<std::string>;

/// The only change; fails when there is none or more.
Change only(const std::vector<Change>& changes) {
  BOOST_REQUIRE_EQUAL(changes.size(), 1U);
  return changes.front();
}

std::vector<ClientState> clients_of(const Fleet& fleet) {
  std::vector<ClientState> clients;
  for (const auto& [client_id, client] : fleet.clients()) clients.push_back(*client);
  return clients;
}

/// A hub that starts again at `now` with one client, heard at 0.
Fleet restarted(const Admitted& last, WallTime now) {
  Fleet before(policy);
  before.apply(last);
  Fleet after(policy);
  after.restore(clients_of(before), now);
  return after;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_that_waited_longer_than_its_lease_leaves_a_silent_client_silent) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.expire(at(32));
  BOOST_TEST(fleet.apply(queued(report("a", "b", 2, State::secure, at(15)), at(300))).empty());
  const auto& client = *fleet.find("a");
  BOOST_TEST((client.state == State::offline));
  BOOST_TEST((client.since == at(32)));
  BOOST_TEST((client.last_seen == at(15)));
  BOOST_TEST(client.last_report.seq == 2U);
  BOOST_TEST(client.findings.at(0).code == "lease_expired");
  BOOST_TEST(fleet.expire(at(1000)).empty());
}

BOOST_AUTO_TEST_CASE(an_unknown_client_is_not_connected_by_a_report_that_waited_too_long) {
  Fleet fleet(policy);
  BOOST_TEST(fleet.apply(queued(report("a", "b", 1, State::secure, at(0)), at(300))).empty());
  BOOST_TEST((fleet.find("a")->state == State::offline));
  BOOST_TEST((fleet.find("a")->since == at(32)));
  const auto change = only(fleet.apply(report("a", "b", 2, State::secure, at(301))));
  BOOST_TEST((change.kind == Kind::came_back));
}

BOOST_AUTO_TEST_CASE(a_queue_sent_after_an_outage_tells_every_state_at_its_own_time_and_is_back_with_the_present_one) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.expire(at(32));
  const auto now = at(300);
  BOOST_TEST(fleet.apply(queued(report("a", "b", 2, State::secure, at(15)), now)).empty());
  const auto leak = only(fleet.apply(queued(report("a", "b", 3, State::danger, at(100)), now)));
  const auto mended = only(fleet.apply(queued(report("a", "b", 4, State::secure, at(200)), now)));
  const auto back = only(fleet.apply(queued(report("a", "b", 5, State::secure, at(299)), now)));
  BOOST_TEST((leak.kind == Kind::state_changed && leak.past && leak.at == at(100) && leak.noticed == now));
  BOOST_TEST((leak.from == State::secure && leak.to == State::danger && leak.client.state == State::offline));
  BOOST_TEST(findings_of(leak).at(0).code == "default_route_outside");
  BOOST_TEST((mended.past && mended.to == State::secure && mended.at == at(200)));
  BOOST_TEST((back.kind == Kind::came_back && !back.past && back.to == State::secure));
  BOOST_TEST((back.previous_lasted == seconds{268}));
}

BOOST_AUTO_TEST_CASE(the_lease_of_a_report_that_waited_a_little_counts_from_when_it_was_true) {
  Fleet fleet(policy);
  fleet.apply(queued(report("a", "b", 1, State::secure, at(0)), at(20)));
  BOOST_TEST((fleet.find("a")->state == State::secure));
  BOOST_TEST((fleet.find("a")->last_seen == at(0)));
  BOOST_TEST((fleet.next_deadline() == at(32)));
}

BOOST_AUTO_TEST_CASE(a_report_that_does_not_say_when_it_was_sent_counts_as_fresh) {
  Fleet fleet(policy);
  fleet.apply(test::late(report("a", "b", 1, State::secure, at(0)), at(300)));
  BOOST_TEST((fleet.find("a")->state == State::secure));
  BOOST_TEST((fleet.find("a")->last_seen == at(300)));
}

BOOST_AUTO_TEST_CASE(after_a_restart_silence_is_shown_at_once_and_told_after_the_grace_with_its_own_time) {
  auto fleet = restarted(report("a", "b", 1, State::secure, at(0)), at(7200));
  BOOST_TEST((fleet.overdue(at(7200)) == Ids{"a"}));
  BOOST_TEST((fleet.find("a")->lease_deadline == at(32)));
  BOOST_TEST((fleet.next_deadline() == at(7260)));
  BOOST_TEST(fleet.expire(at(7259)).empty());
  const auto change = only(fleet.expire(at(7260)));
  BOOST_TEST((change.kind == Kind::went_offline));
  BOOST_TEST((change.at == at(32)));
  BOOST_TEST((change.noticed == at(7260)));
}

BOOST_AUTO_TEST_CASE(a_hub_that_starts_again_and_again_says_offline_when_it_has_listened_in_vain_for_as_long_as_one_grace) {
  Fleet first(policy);
  first.apply(report("a", "b", 1, State::secure, at(0)));
  auto clients = clients_of(first);
  // Each run listens for 20 s, and then nobody does for 5 s. The lease takes 32 s of it, grace the next 60 s.
  const std::vector<double> said_at{25 + 60, 50 + 52, 75 + 32, 100 + 12};
  for (std::size_t run = 0; run < said_at.size(); ++run) {
    const auto start = 25.0 * static_cast<double>(run + 1);
    Fleet fleet(policy);
    fleet.listen(seconds{20} * static_cast<int>(run + 1));
    fleet.restore(clients, at(start));
    BOOST_TEST((fleet.next_deadline() == at(said_at.at(run))));
    BOOST_TEST((fleet.overdue(at(start)) == (start > 32 ? Ids{"a"} : Ids{})));
    clients = clients_of(fleet);
  }
  Fleet last(policy);
  last.listen(seconds{100});
  last.restore(clients, at(200));
  const auto change = only(last.expire(at(200)));
  BOOST_TEST((change.kind == Kind::went_offline && change.at == at(32)));
}

BOOST_AUTO_TEST_CASE(who_was_heard_in_a_run_has_the_whole_grace_after_it) {
  Fleet first(policy);
  first.listen(seconds{500});
  first.apply(report("a", "b", 1, State::secure, at(0)));
  Fleet second(policy);
  second.listen(seconds{530});
  second.restore(clients_of(first), at(100));
  BOOST_TEST((second.next_deadline() == at(160)));
  second.listen(seconds{20});
  second.apply(report("a", "b", 2, State::secure, at(120)));
  Fleet third(policy);
  third.listen(seconds{550});
  third.restore(clients_of(second), at(200));
  BOOST_TEST((third.next_deadline() == at(260)));
}

BOOST_AUTO_TEST_CASE(a_client_of_another_hubs_file_has_the_whole_grace) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  auto clients = clients_of(fleet);
  for (const auto heard : {std::optional<std::chrono::microseconds>(), std::optional<std::chrono::microseconds>(seconds{9'000})}) {
    clients.front().heard_after = heard;
    Fleet here(policy);
    here.listen(seconds{5'000});
    here.restore(clients, at(100));
    BOOST_TEST((here.next_deadline() == at(160)));
  }
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_again_and_again_gives_no_new_grace_for_the_time_in_which_the_hub_listened) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.listen(seconds{50});
  fleet.grant_grace(at(50));
  BOOST_TEST((fleet.next_deadline() == at(50 + 42)));
  BOOST_TEST(fleet.has_grace());
  fleet.apply(report("a", "b", 2, State::secure, at(60)));
  BOOST_TEST(!fleet.has_grace());
  fleet.grant_grace(at(61));
  BOOST_TEST((fleet.next_deadline() == at(121)));
}

BOOST_AUTO_TEST_CASE(who_is_heard_after_a_restart_has_his_own_lease_again) {
  auto fleet = restarted(report("a", "b", 1, State::secure, at(0)), at(7200));
  BOOST_TEST(fleet.apply(report("a", "b", 2, State::secure, at(7201))).empty());
  BOOST_TEST(fleet.overdue(at(7232)).empty());
  BOOST_TEST((fleet.next_deadline() == at(7233)));
}

BOOST_AUTO_TEST_CASE(an_old_report_after_a_restart_ends_no_grace) {
  auto fleet = restarted(report("a", "b", 1, State::secure, at(0)), at(7200));
  fleet.apply(queued(report("a", "b", 2, State::secure, at(3600)), at(7201)));
  BOOST_TEST((fleet.overdue(at(7201)) == Ids{"a"}));
  BOOST_TEST((fleet.next_deadline() == at(7260)));
}

BOOST_AUTO_TEST_CASE(a_client_that_reports_rarely_has_as_much_grace_as_its_lease) {
  auto fleet = restarted(test::original("a", State::secure, at(0)), at(7200));
  BOOST_TEST((fleet.next_deadline() == at(7200 + 30 * 60)));
  auto longer = report("a", "b", 1, State::secure, at(0));
  longer.report.lease_s = 86'400;
  longer.report.timestamp = at(-90'000);
  auto bounded = restarted(queued(longer, at(-10'000)), at(7200));
  BOOST_TEST((bounded.next_deadline() == at(7200 + 30 * 60)));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_offline_before_a_restart_stays_so) {
  auto fleet = restarted(stopping(report("a", "b", 1, State::secure, at(0))), at(7200));
  BOOST_TEST(fleet.overdue(at(90'000)).empty());
  BOOST_TEST(!fleet.next_deadline().has_value());
}

BOOST_AUTO_TEST_CASE(a_stored_deadline_never_reaches_further_than_a_fresh_lease) {
  auto client = *restarted(report("a", "b", 1, State::secure, at(0)), at(0)).find("a");
  client.lease_deadline = at(3600);
  Fleet fleet(policy);
  fleet.restore({client}, at(0));
  BOOST_TEST((fleet.overdue(at(32)) == Ids{"a"}));
  BOOST_TEST(only(fleet.expire(at(61))).client_id == "a");
}

BOOST_AUTO_TEST_CASE(leases_move_with_a_clock_that_is_set) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.shift_leases(std::chrono::hours{-1}, at(1 - 3600));
  BOOST_TEST((fleet.next_deadline() == at(32 - 3600)));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_makes_no_lease_and_no_grace_longer_than_a_fresh_one) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.grant_grace(at(0));
  fleet.shift_leases(std::chrono::hours{1}, at(10));
  BOOST_TEST((fleet.find("a")->lease_deadline == at(42)));
  BOOST_TEST((fleet.next_deadline() == at(70)));
}

BOOST_AUTO_TEST_CASE(the_times_of_a_twin_move_with_the_clock_too) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  fleet.apply(report("a", "c", 1, State::danger, at(5)));
  fleet.apply(report("a", "b", 2, State::secure, at(6)));
  const auto twin = fleet.find("a")->twins.at(0);
  fleet.shift_leases(std::chrono::hours{1}, at(3607));
  BOOST_TEST((fleet.find("a")->twins.at(0).lease_deadline == twin.lease_deadline + std::chrono::hours{1}));
  BOOST_TEST((fleet.find("a")->twins.at(0).shown_until == twin.shown_until + std::chrono::hours{1}));
  fleet.apply(report("a", "b", 3, State::secure, at(3608)));
  BOOST_TEST((fleet.find("a")->state == State::danger));
}

BOOST_AUTO_TEST_CASE(a_preview_is_what_apply_would_make_and_changes_nothing) {
  Fleet fleet(policy);
  fleet.apply(report("a", "b", 1, State::secure, at(0)));
  const auto danger = report("a", "b", 2, State::danger, at(10));
  const auto before = clients_of(fleet);
  const auto preview = fleet.preview(danger);
  BOOST_TEST((clients_of(fleet) == before));
  fleet.apply(danger);
  BOOST_TEST((*fleet.find("a") == preview.value()));
  BOOST_TEST(!fleet.preview(danger).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
