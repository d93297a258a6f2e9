#include "hub/state/incident.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(incidents)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::seconds;

namespace {

/// A fleet whose changes go into a book of incidents, as the writer does it.
struct Bench {
  Fleet fleet{FleetPolicy{seconds{1800}, std::chrono::milliseconds{0}, seconds{0}}};
  IncidentBook book;
  std::vector<Incident> saved;

  void take(const std::vector<Change>& changes) {
    for (const auto& change : changes) note(book.apply(change));
  }
  void report(const Admitted& admitted) {
    take(fleet.apply(admitted));
    note(book.see(*fleet.find(admitted.report.client_id)));
  }
  void note(std::optional<Incident> incident) {
    if (incident) saved.push_back(std::move(*incident));
  }
  [[nodiscard]] const Incident& last() const { return saved.back(); }
};

PastStretch stretch(State before, State state, double from, double to) {
  return {"a", state, before, at(from), at(to), {finding("default_route_outside", Severity::danger, at(from))}};
}

Incident closed(std::int64_t id, double start, double end, State worst, seconds exposed) {
  Incident incident;
  incident.id = id;
  incident.client_id = "a";
  incident.start = at(start);
  incident.end = at(end);
  incident.since = at(end);
  incident.worst = incident.state = worst;
  incident.exposed = exposed;
  return incident;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_client_that_is_secure_has_no_incident, Bench) {
  report(test::report("a", "b", 1, State::secure, at(0)));
  report(test::report("a", "b", 2, State::secure, at(10)));
  BOOST_TEST(saved.empty());
}

BOOST_FIXTURE_TEST_CASE(an_incident_opens_gets_worse_and_closes_and_counts_the_time_in_danger_only, Bench) {
  report(test::report("a", "b", 1, State::secure, at(0)));
  report(test::report("a", "b", 2, State::warning, at(10)));
  BOOST_TEST((last().start == at(10)));
  BOOST_TEST(!last().end);
  report(test::report("a", "b", 3, State::danger, at(20)));
  BOOST_TEST((last().worst == State::danger));
  BOOST_TEST((exposed_until(last(), at(25)) == seconds{5}));
  report(test::report("a", "b", 4, State::contained, at(30)));
  BOOST_TEST((exposed_until(last(), at(100)) == seconds{10}));
  report(test::report("a", "b", 5, State::secure, at(40)));
  BOOST_TEST((last().end == at(40)));
  BOOST_TEST((last().start == at(10)));
  BOOST_TEST((last().worst == State::danger));
  BOOST_TEST((exposed_until(last(), at(100)) == seconds{10}));
  BOOST_TEST(last().findings.size() == 3U);
  BOOST_TEST(book.find("a") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_finding_that_changes_no_state_joins_the_incident_once, Bench) {
  report(test::report("a", "b", 1, State::danger, at(0)));
  const auto before = saved.size();
  report(test::report("a", "b", 2, State::danger, at(5)));
  BOOST_TEST(saved.size() == before);
  auto more = test::report("a", "b", 3, State::danger, at(10));
  more.report.findings.push_back(finding("ipv6_outside", Severity::danger, at(9)));
  report(more);
  BOOST_TEST(saved.size() == before + 1);
  BOOST_TEST(last().findings.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(silence_is_an_incident_that_counts_no_danger_after_the_lease, Bench) {
  report(test::report("a", "b", 1, State::danger, at(0)));
  take(fleet.expire(at(31)));
  BOOST_TEST((last().state == State::offline));
  BOOST_TEST((last().worst == State::danger));
  BOOST_TEST((exposed_until(last(), at(1000)) == seconds{30}));
  report(test::report("a", "b", 2, State::secure, at(100)));
  BOOST_TEST((last().end == at(100)));
  BOOST_TEST((last().exposed == seconds{30}));
}

BOOST_FIXTURE_TEST_CASE(what_a_silent_client_tells_of_its_past_fills_its_incident, Bench) {
  report(test::report("a", "b", 1, State::secure, at(0)));
  take(fleet.expire(at(31)));
  BOOST_TEST((last().start == at(30)));
  report(queued(test::report("a", "b", 2, State::danger, at(40)), at(200)));
  BOOST_TEST((last().worst == State::danger));
  report(queued(test::report("a", "b", 3, State::secure, at(60)), at(200)));
  BOOST_TEST(!last().end);
  BOOST_TEST((exposed_until(last(), at(200)) == seconds{20}));
  report(test::report("a", "b", 4, State::secure, at(210)));
  BOOST_TEST((last().start == at(30)));
  BOOST_TEST((last().end == at(210)));
  BOOST_TEST((last().exposed == seconds{20}));
}

BOOST_FIXTURE_TEST_CASE(a_forgotten_client_has_no_open_incident, Bench) {
  report(test::report("a", "b", 1, State::warning, at(0)));
  const auto ended = book.forget("a", at(50));
  BOOST_TEST((ended.value().end == at(50)));
  BOOST_TEST(!book.forget("a", at(60)));
}

BOOST_AUTO_TEST_CASE(a_late_report_of_danger_becomes_an_incident_of_its_own) {
  const auto filled = fill_in({}, stretch(State::secure, State::danger, 10, 25));
  BOOST_REQUIRE_EQUAL(filled.size(), 1U);
  BOOST_TEST(filled[0].id == 0);
  BOOST_TEST((filled[0].start == at(10)));
  BOOST_TEST((filled[0].end == at(25)));
  BOOST_TEST((filled[0].exposed == seconds{15}));
  BOOST_TEST(filled[0].findings.size() == 1U);
  BOOST_TEST(fill_in({}, stretch(State::secure, State::secure, 10, 25)).empty());
}

BOOST_AUTO_TEST_CASE(a_late_stretch_joins_the_incidents_that_it_touches) {
  const auto filled = fill_in({closed(3, 0, 10, State::warning, seconds{0}), closed(7, 25, 40, State::danger, seconds{5})},
                              stretch(State::secure, State::danger, 10, 25));
  BOOST_REQUIRE_EQUAL(filled.size(), 2U);
  BOOST_TEST(filled[0].id == 3);
  BOOST_TEST((filled[0].start == at(0)));
  BOOST_TEST((filled[0].end == at(40)));
  BOOST_TEST((filled[0].exposed == seconds{20}));
  BOOST_TEST(filled[1].id == 7);
  BOOST_TEST(filled[1].client_id.empty());
}

BOOST_AUTO_TEST_CASE(a_late_report_takes_back_danger_that_was_none) {
  const auto filled = fill_in({closed(3, 0, 40, State::danger, seconds{40})}, stretch(State::danger, State::secure, 30, 40));
  BOOST_REQUIRE_EQUAL(filled.size(), 1U);
  BOOST_TEST((filled[0].exposed == seconds{30}));
  BOOST_TEST((filled[0].end == at(30)));
}

BOOST_FIXTURE_TEST_CASE(an_incident_names_all_programs_that_sent_not_the_first_or_the_last_alone, Bench) {
  const auto sent_by = [&](std::uint64_t seq, const char* name, int pid) {
    auto admitted = test::report("a", "b", seq, State::danger, at(static_cast<double>(seq)));
    admitted.report.findings = {finding("process_outside", Severity::danger, at(1))};
    admitted.report.findings[0].evidence = {{"process", name}, {"pid", pid}, {"uid", 0}, {"destination", "192.0.2.1"}};
    report(admitted);
  };
  sent_by(1, "curl", 7);
  sent_by(2, "wget", 8);
  using nlohmann::json;
  const json both{"curl (pid 7, uid 0) to 192.0.2.1", "wget (pid 8, uid 0) to 192.0.2.1"};
  BOOST_TEST(last().findings[0].evidence.at("programs") == both);
  BOOST_TEST(last().findings[0].evidence.at("process") == "wget");
  const auto saves = saved.size();
  sent_by(3, "curl", 7);
  BOOST_TEST(saved.size() == saves);
  for (int pid = 100; pid < 130; ++pid) sent_by(static_cast<std::uint64_t>(pid), "spawned", pid);
  BOOST_TEST(last().findings[0].evidence.at("programs").size() == 20U);
  report(test::report("a", "b", 500, State::secure, at(500)));
  BOOST_TEST(last().findings[0].evidence.at("more_programs") == true);
}

BOOST_AUTO_TEST_SUITE_END()
