// What reports that come late add to the history, by a real store.
#include <boost/test/unit_test.hpp>

#include "hub/engine/writer.hpp"
#include "tests/unit/hub/engine/compose_desk.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(late_reports)

using namespace vpn_sentinel;
using test::at;
using test::late;
using enum State;
using Lines = std::vector<std::string>;

namespace {

struct Bench {
  explicit Bench(const GroupRule& rule = {}) : policy{.groups = {rule, {}}} {}

  test::TemporaryDirectory directory;
  FleetPolicy policy;
  Lines past;  ///< "secure -> danger at 3", as they are told
  Writer writer{open_sqlite_store(directory.file("hub.db")).value(), policy,
                std::make_shared<test::ComposeDesk>([this](const Change& change) {
                  if (change.past) past.push_back(line_of(change));
                  return std::vector<StoredAlert>();
                })};

  static std::string line_of(const Change& change) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(change.at - at(0)).count();
    return std::string(to_string(change.from.value_or(offline))) + " -> " + std::string(to_string(change.to)) + " at " +
           std::to_string(seconds);
  }

  void write(std::vector<Admitted> reports, double now) {
    Work work;
    for (auto& admitted : reports) work.reports.push_back({std::move(admitted), nullptr});
    BOOST_REQUIRE(writer.write(work, at(now), false).has_value());
  }
  std::vector<Incident> incidents(const std::string& client_id) {
    return writer.store().load_incidents(client_id, at(-1000), at(1000)).value();
  }
};

Admitted old(std::uint64_t seq, State state, const std::string& client_id = "a") {
  return late(test::report(client_id, "b", seq, state, at(static_cast<double>(seq))), at(20));
}

Admitted in_office(Admitted admitted) {
  admitted.report.group = "office";
  return admitted;
}

std::chrono::seconds exposed(const Incident& incident) {
  return std::chrono::duration_cast<std::chrono::seconds>(exposed_until(incident, at(1000)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_came_in_one_batch_is_told_once_each) {
  struct Row {
    std::vector<State> states;  ///< of the reports 1, 2, … that come late
    Lines expected;
  };
  for (const auto& row : {
           Row{{danger}, {"secure -> danger at 1", "danger -> secure at 10"}},
           Row{{danger, danger}, {"secure -> danger at 1", "danger -> secure at 10"}},
           Row{{danger, secure}, {"secure -> danger at 1", "danger -> secure at 2"}},
           Row{{secure, danger}, {"secure -> danger at 2", "danger -> secure at 10"}},
           Row{{secure, secure}, {}},
           Row{{danger, secure, danger},
               {"secure -> danger at 1", "danger -> secure at 2", "secure -> danger at 3", "danger -> secure at 10"}},
           Row{{danger, contained, secure}, {"secure -> danger at 1", "danger -> contained at 2", "contained -> secure at 3"}},
       }) {
    Bench bench;
    bench.write({test::report("a", "b", 10, secure, at(10))}, 10);
    std::vector<Admitted> batch;
    for (const auto state : row.states) batch.push_back(old(batch.size() + 1, state));
    bench.write(batch, 20);
    BOOST_TEST(bench.past == row.expected, boost::test_tools::per_element());
    BOOST_TEST(bench.past.size() == row.expected.size());
  }
}

BOOST_AUTO_TEST_CASE(an_earlier_report_of_a_state_that_was_told_only_moves_its_beginning) {
  Bench bench;
  bench.write({test::report("a", "b", 9, secure, at(9))}, 9);
  bench.write({test::report("a", "b", 11, danger, at(11))}, 11);
  bench.write({old(10, danger)}, 20);
  BOOST_TEST(bench.past.empty());
  const auto incidents = bench.incidents("a");
  BOOST_TEST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST((incidents[0].start == at(10)));
}

BOOST_AUTO_TEST_CASE(the_order_within_a_batch_does_not_matter) {
  Bench bench;
  bench.write({test::report("a", "b", 10, secure, at(10))}, 10);
  bench.write({old(3, danger), old(1, danger), old(2, secure)}, 20);
  BOOST_TEST(bench.past == (Lines{"secure -> danger at 1", "danger -> secure at 2", "secure -> danger at 3", "danger -> secure at 10"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_second_of_danger_is_counted_once) {
  Bench bench;
  bench.write({test::report("a", "b", 10, secure, at(10))}, 10);
  bench.write({old(1, danger), old(2, secure), old(3, danger)}, 20);
  const auto incidents = bench.incidents("a");
  BOOST_TEST_REQUIRE(incidents.size() == 2U);
  BOOST_TEST(exposed(incidents[0]).count() == 1);
  BOOST_TEST(exposed(incidents[1]).count() == 7);
}

BOOST_AUTO_TEST_CASE(what_the_hub_took_for_danger_and_was_not_is_taken_back_once) {
  Bench bench;
  bench.write({test::report("a", "b", 1, danger, at(1))}, 1);
  bench.write({test::report("a", "b", 10, secure, at(10))}, 10);
  bench.write({old(4, secure), old(5, secure)}, 20);
  const auto incidents = bench.incidents("a");
  BOOST_TEST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(exposed(incidents[0]).count() == 3);
  BOOST_TEST((incidents[0].end == at(4)));
}

BOOST_AUTO_TEST_CASE(a_probe_whose_machine_was_set_back_is_heard_under_numbers_that_were_used) {
  Bench bench;
  const auto write = [&](std::uint64_t seq, State state, double when) {
    Work work;
    work.reports.push_back({test::report("a", "b", seq, state, at(when)), nullptr});
    return bench.writer.write(work, at(when), false).value();
  };
  BOOST_TEST((write(1, secure, 1).results.at(0) == SubmitResult::stored));
  BOOST_TEST((write(2, secure, 2).results.at(0) == SubmitResult::stored));
  BOOST_TEST((write(2, secure, 2).results.at(0) == SubmitResult::duplicate));
  BOOST_TEST((write(2, secure, 500).results.at(0) == SubmitResult::stored));
  BOOST_TEST((write(2, secure, 500).results.at(0) == SubmitResult::duplicate));
  BOOST_TEST((write(2, danger, 500).results.at(0) == SubmitResult::stored));
  const auto told = write(1, danger, 510);
  BOOST_TEST((told.results.at(0) == SubmitResult::stored));
  BOOST_TEST((bench.writer.fleet().find("a")->state == danger));
}

BOOST_AUTO_TEST_CASE(a_danger_that_a_member_tells_late_is_in_the_history_of_its_group) {
  Bench bench;
  bench.write({in_office(test::report("a", "b", 10, secure, at(10))), in_office(test::report("c", "d", 10, secure, at(10)))}, 10);
  bench.write({in_office(old(2, danger)), in_office(old(6, secure))}, 20);
  const auto incidents = bench.incidents("group:office");
  BOOST_TEST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST((incidents[0].worst == danger));
  BOOST_TEST((incidents[0].start == at(2) && incidents[0].end == at(6)));
  BOOST_TEST(exposed(incidents[0]).count() == 4);
  BOOST_TEST(incidents[0].findings.at(0).evidence["seen_by"][0] == "a");
  BOOST_TEST(bench.past.size() == 2U);  // the member's: the group sends none beside it
}

BOOST_AUTO_TEST_CASE(what_two_members_saw_at_one_time_is_one_incident_and_counts_once) {
  Bench bench({GroupRule::Kind::all, 0});
  bench.write({in_office(test::report("a", "b", 10, secure, at(10))), in_office(test::report("c", "b", 10, secure, at(10)))}, 10);
  bench.write({in_office(old(2, danger)), in_office(old(6, secure))}, 20);
  BOOST_TEST_REQUIRE(bench.incidents("group:office").size() == 1U);
  BOOST_TEST((bench.incidents("group:office")[0].worst == warning));  // one alone does not decide
  bench.write({in_office(old(3, danger, "c")), in_office(old(5, secure, "c"))}, 20);
  BOOST_TEST_REQUIRE(bench.incidents("group:office").size() == 1U);
  const auto incident = bench.incidents("group:office")[0];
  BOOST_TEST((incident.worst == danger));
  BOOST_TEST((incident.start == at(2) && incident.end == at(6)));
  BOOST_TEST(exposed(incident).count() == 2);
}

BOOST_AUTO_TEST_CASE(with_any_the_same_danger_told_by_two_members_counts_once) {
  Bench bench;
  bench.write({in_office(test::report("a", "b", 10, secure, at(10))), in_office(test::report("c", "b", 10, secure, at(10)))}, 10);
  bench.write({in_office(old(2, danger)), in_office(old(6, secure)), in_office(old(2, danger, "c")), in_office(old(8, secure, "c"))}, 20);
  const auto incidents = bench.incidents("group:office");
  BOOST_TEST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST((incidents[0].start == at(2) && incidents[0].end == at(8)));
  BOOST_TEST(exposed(incidents[0]).count() == 6);
}

BOOST_AUTO_TEST_CASE(a_blind_member_and_a_secure_one_add_nothing_to_the_group) {
  Bench bench;
  bench.write({in_office(test::report("a", "b", 10, secure, at(10)))}, 10);
  auto blind = in_office(old(2, warning));
  blind.report.findings = {test::finding("routes_unverifiable", Severity::warning, at(2))};
  bench.write({blind, in_office(old(4, secure))}, 20);
  BOOST_TEST(bench.incidents("group:office").empty());
}

BOOST_AUTO_TEST_SUITE_END()
