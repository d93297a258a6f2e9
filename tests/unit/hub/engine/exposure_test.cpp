// What left outside during incidents, by a real store: counted once, whatever order the reports come in.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "hub/engine/writer.hpp"
#include "tests/unit/hub/engine/compose_desk.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(exposure_of_incidents)

using namespace vpn_sentinel;
using test::at;
using enum State;

namespace {

struct Bench {
  test::TemporaryDirectory directory;
  std::vector<Change> told;
  Writer writer{open_sqlite_store(directory.file("hub.db")).value(), FleetPolicy{},
                std::make_shared<test::ComposeDesk>([this](const Change& change) {
                  told.push_back(change);
                  return std::vector<StoredAlert>();
                })};

  void write(const std::vector<Admitted>& reports, double now = 20) {
    Work work;
    for (const auto& admitted : reports) work.reports.push_back({admitted, nullptr});
    BOOST_REQUIRE(writer.write(work, at(now), false).has_value());
  }

  [[nodiscard]] std::vector<Incident> incidents(const std::string& client_id = "a") {
    return writer.store().load_incidents(client_id, at(-1000), at(100'000)).value();
  }

  [[nodiscard]] std::uint64_t packets(const std::string& client_id = "a") {
    std::uint64_t sum = 0;
    for (const auto& incident : incidents(client_id)) sum += total_of(incident.exposure).value_or(LeakTotal{}).packets;
    return sum;
  }
};

Admitted leaking(std::uint64_t seq, State state, std::uint64_t packets, double since = -100) {
  auto admitted = test::report("a", "b", seq, state, at(static_cast<double>(seq)));
  LeakReport leak;
  leak.counting = true;
  leak.since = at(since);
  leak.packets = packets;
  leak.bytes = packets * 100;
  if (packets > 0) leak.destinations = {{"203.0.113.53", "udp", 53, 1000, packets, packets * 100}};
  admitted.report.leak = std::move(leak);
  return admitted;
}

Admitted in_office(Admitted admitted) {
  admitted.report.group = "office";
  return admitted;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_left_until_the_report_that_ends_an_incident_belongs_to_it) {
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(2, danger, 14)}, 2);
  bench.write({leaking(3, danger, 15)}, 3);
  bench.write({leaking(4, secure, 17)}, 4);
  bench.write({leaking(5, secure, 50)}, 5);
  BOOST_TEST(bench.packets() == 7U);
  BOOST_TEST_REQUIRE(bench.told.size() == 3U);
  const auto& recovery = bench.told.back();
  BOOST_TEST(recovery.leaked.value().packets == 7U);
  BOOST_TEST(recovery.leaked->bytes == 700U);
  BOOST_TEST(recovery.leaked->destinations.at(0).address == "203.0.113.53");
  BOOST_TEST(recovery.leaked->destinations.at(0).packets == 7U);
  BOOST_TEST((recovery.exposed == std::chrono::seconds{2}));
}

BOOST_AUTO_TEST_CASE(an_incident_that_begins_and_ends_within_one_transaction_has_what_left) {
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(2, danger, 14), leaking(3, danger, 15), leaking(4, secure, 17), leaking(5, danger, 20)}, 5);
  const auto incidents = bench.incidents();
  BOOST_TEST_REQUIRE(incidents.size() == 2U);
  BOOST_TEST(total_of(incidents[0].exposure)->packets == 7U);
  BOOST_TEST(total_of(incidents[1].exposure)->packets == 3U);
}

BOOST_AUTO_TEST_CASE(where_nobody_counts_nothing_is_said) {
  Bench bench;
  bench.write({test::report("a", "b", 1, danger, at(1))}, 1);
  BOOST_TEST(!total_of(bench.incidents().at(0).exposure).has_value());
  BOOST_TEST(!bench.told.at(0).leaked.has_value());
}

BOOST_AUTO_TEST_CASE(a_meter_or_a_probe_that_begins_anew_comes_on_top) {
  Bench bench;
  bench.write({leaking(1, danger, 10)}, 1);
  bench.write({leaking(2, danger, 12)}, 2);
  bench.write({leaking(3, danger, 5, 2.5)}, 3);
  auto restarted = leaking(1, danger, 4, 3.5);
  restarted.report.boot_id = "c";
  restarted.report.timestamp = restarted.received = at(4);
  bench.write({restarted}, 4);
  BOOST_TEST(bench.packets() == 12U + 5U + 4U);
}

BOOST_AUTO_TEST_CASE(a_meter_that_is_made_anew_and_goes_on_counting_counts_nothing_twice) {
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(2, danger, 14)}, 2);
  bench.write({leaking(3, danger, 17, 2.5)}, 3);
  BOOST_TEST(bench.packets() == 7U);
  BOOST_TEST(total_of(bench.incidents().at(0).exposure)->at_least);
}

BOOST_AUTO_TEST_CASE(of_a_probe_that_ran_before_the_hub_knew_it_nobody_says_that_nothing_left) {
  Bench bench;
  bench.write({leaking(70, danger, 5000)}, 70);
  BOOST_TEST(bench.told.back().leaked.value().is_unknown());
  bench.write({leaking(71, secure, 5000)}, 71);
  BOOST_TEST(bench.told.back().leaked.value().is_unknown());
}

BOOST_AUTO_TEST_CASE(who_stops_counting_within_an_incident_is_not_taken_for_one_who_saw_nothing) {
  const auto blind = [](std::uint64_t seq, State state) {
    auto admitted = leaking(seq, state, 10);
    admitted.report.leak->counting = false;
    return admitted;
  };
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(2, danger, 10)}, 2);
  BOOST_TEST(bench.told.back().leaked.value().is_nothing());
  bench.write({blind(3, danger)}, 3);
  bench.write({leaking(4, secure, 10)}, 4);
  BOOST_TEST(bench.told.back().leaked.value().is_unknown());
  bench.write({blind(5, danger)}, 5);
  bench.write({leaking(6, danger, 0, 5.5)}, 6);
  bench.write({leaking(7, secure, 2, 5.5)}, 7);
  BOOST_TEST(bench.told.back().leaked.value().packets == 2U);
  BOOST_TEST(bench.told.back().leaked->at_least);
  bench.write({leaking(8, danger, 2, 5.5)}, 8);
  bench.write({leaking(9, secure, 2, 5.5)}, 9);
  BOOST_TEST(bench.told.back().leaked.value().is_nothing());
}

BOOST_AUTO_TEST_CASE(the_same_report_twice_counts_once) {
  Bench bench;
  bench.write({leaking(1, secure, 0), leaking(2, danger, 5)}, 2);
  bench.write({leaking(2, danger, 5)}, 3);
  bench.write({leaking(1, secure, 0), leaking(3, danger, 6), leaking(3, danger, 6)}, 4);
  BOOST_TEST(bench.packets() == 6U);
}

BOOST_AUTO_TEST_CASE(after_a_restart_of_the_hub_an_open_incident_goes_on) {
  test::TemporaryDirectory directory;
  const auto write = [&](const Admitted& admitted) {
    Writer writer(open_sqlite_store(directory.file("hub.db")).value(), FleetPolicy{}, nullptr);
    BOOST_REQUIRE(writer.load(admitted.received).has_value());
    Work work;
    work.reports.push_back({admitted, nullptr});
    BOOST_REQUIRE(writer.write(work, admitted.received, false).has_value());
    const auto incidents = writer.store().load_incidents("a", at(0), at(100)).value();
    return incidents.empty() ? 0U : total_of(incidents.at(0).exposure).value_or(LeakTotal{}).packets;
  };
  BOOST_TEST(write(leaking(1, secure, 10)) == 0U);
  BOOST_TEST(write(leaking(2, danger, 13)) == 3U);
  BOOST_TEST(write(leaking(3, danger, 14)) == 4U);
  BOOST_TEST(write(leaking(4, secure, 19)) == 9U);
}

BOOST_AUTO_TEST_CASE(a_group_has_what_the_member_saw_who_saw_most) {
  Bench bench;
  bench.write({in_office(leaking(1, secure, 10))}, 1);
  bench.write({in_office(leaking(2, danger, 14)), in_office(leaking(3, danger, 15))}, 3);
  auto other = in_office(leaking(1, danger, 3, 2));
  other.report.client_id = "c";
  bench.write({other}, 3);
  BOOST_TEST(bench.packets("a") == 5U);
  BOOST_TEST(bench.packets("c") == 3U);
  BOOST_TEST(bench.packets("group:office") == 5U);
}

BOOST_AUTO_TEST_CASE(what_a_member_saw_before_the_others_agreed_is_part_of_the_groups_incident) {
  test::TemporaryDirectory directory;
  const GroupRule all{GroupRule::Kind::all, 0};
  Writer writer{open_sqlite_store(directory.file("hub.db")).value(), FleetPolicy{.groups = {all, {}}}, nullptr};
  const auto write = [&](const std::string& client_id, const Admitted& admitted) {
    Work work;
    work.reports.push_back({in_office(admitted), nullptr});
    work.reports.back().admitted->report.client_id = client_id;
    BOOST_REQUIRE(writer.write(work, admitted.received, false).has_value());
  };
  write("a", leaking(1, secure, 0));
  write("c", leaking(1, secure, 0));
  write("a", leaking(2, danger, 5));
  write("a", leaking(3, danger, 9));
  write("c", leaking(4, danger, 1));
  const auto incidents = writer.store().load_incidents("group:office", at(0), at(100)).value();
  BOOST_TEST_REQUIRE(incidents.size() == 1U);
  BOOST_TEST(total_of(incidents[0].exposure)->packets == 9U);
}

BOOST_AUTO_TEST_CASE(a_danger_that_was_told_late_has_what_left_before_and_after_it) {
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(10, secure, 30)}, 10);
  bench.write({leaking(4, danger, 13), leaking(6, secure, 18)});
  BOOST_TEST(bench.incidents().size() == 1U);
  BOOST_TEST(bench.packets() == 8U);
}

BOOST_AUTO_TEST_CASE(what_the_newest_report_took_for_its_own_goes_to_the_danger_that_was_told_late) {
  Bench bench;
  bench.write({leaking(1, secure, 10)}, 1);
  bench.write({leaking(10, danger, 30)}, 10);
  BOOST_TEST(bench.packets() == 20U);
  bench.write({leaking(4, danger, 13), leaking(6, secure, 18), leaking(9, secure, 18)});
  const auto incidents = bench.incidents();
  BOOST_TEST_REQUIRE(incidents.size() == 2U);
  BOOST_TEST(total_of(incidents[0].exposure)->packets == 8U);
  BOOST_TEST(total_of(incidents[1].exposure)->packets == 12U);
}

namespace {

/// What one client's probe sends, and in which portions it arrives. Packets leave beside a danger only.
struct Arrival {
  std::vector<std::vector<Admitted>> portions;
  std::uint64_t left = 0;

  Arrival(const std::string& client_id, std::mt19937& random) {
    constexpr std::uint64_t counted_before = 7;
    std::vector<Admitted> reports;
    auto before = secure;
    for (std::uint64_t seq = 1; seq <= 8; ++seq) {
      const auto state = seq > 1 && random() % 2 == 0 ? danger : secure;
      if (state == danger || before == danger) left += random() % 5;
      reports.push_back(leaking(seq, state, counted_before + left));
      reports.back().report.client_id = client_id;
      before = state;
    }
    portions.push_back({reports.front()});
    std::shuffle(reports.begin() + 1, reports.end(), random);
    for (auto next = reports.begin() + 1; next != reports.end();) {
      const auto rest = static_cast<std::size_t>(reports.end() - next);
      const auto end = next + static_cast<std::ptrdiff_t>(1 + random() % rest);
      portions.emplace_back(next, end);
      for (auto& admitted : portions.back()) admitted.received = at(20);
      next = end;
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(in_whatever_order_and_portions_reports_come_each_packet_is_counted_once) {
  constexpr int clients = 1000;
  std::mt19937 random(20261121);
  std::vector<Arrival> arrivals;
  for (int i = 0; i < clients; ++i) arrivals.emplace_back("c" + std::to_string(i), random);
  Bench bench;
  for (std::size_t portion = 0; portion < 8; ++portion) {
    std::vector<Admitted> reports;
    for (const auto& arrival : arrivals) {
      if (portion >= arrival.portions.size()) continue;
      reports.insert(reports.end(), arrival.portions[portion].begin(), arrival.portions[portion].end());
    }
    bench.write(reports, portion == 0 ? 1 : 20);
  }
  for (int i = 0; i < clients; ++i) {
    const auto client_id = "c" + std::to_string(i);
    BOOST_TEST(bench.packets(client_id) == arrivals[static_cast<std::size_t>(i)].left, client_id);
  }
}

BOOST_AUTO_TEST_SUITE_END()
