/// The contract of stores: roll-ups.
#include <algorithm>

#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

Admitted measured(Admitted admitted, double latency_ms, const std::string& exit) {
  admitted.report.latency_ms = latency_ms;
  return with_address(std::move(admitted), exit);
}

Admitted leaking(Admitted admitted, std::uint64_t packets, double since = -100) {
  LeakReport leak;
  leak.counting = true;
  leak.since = at(since);
  leak.packets = packets;
  leak.bytes = packets * 100;
  admitted.report.leak = std::move(leak);
  return admitted;
}

void what_left_outside_is_in_the_minute_of_the_report_that_told_it(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto store = open();
  add_and_roll_up(
      *store, {leaking(report("a", "b", 1, State::secure, at(0)), 500), leaking(report("a", "b", 4, State::danger, at(130)), 530),
               leaking(report("a", "b", 5, State::danger, at(140)), 4, 135), leaking(report("a", "b", 6, State::danger, at(150)), 3, 135),
               report("blind", "b", 1, State::secure, at(0))});
  const auto packets = [&](std::size_t minute) { return samples_of(*store, "a", Resolution::minute).at(minute).at("packets_outside"); };
  BOOST_TEST(packets(0) == 500);  // of the first report of a start, as an incident counts it
  BOOST_TEST(packets(1) == 34);   // and the meter that began anew; numbers that fall say nothing
  add_and_roll_up(*store, {leaking(report("a", "b", 3, State::danger, at(70)), 520)});
  add_and_roll_up(*store, {leaking(report("a", "b", 2, State::danger, at(65)), 507)});
  BOOST_TEST(packets(0) == 500);
  BOOST_TEST(packets(1) == 20);
  BOOST_TEST(packets(2) == 14);
  const auto day = samples_of(*store, "a", Resolution::day).at(0);
  BOOST_TEST(day.at("packets_outside") == 534);
  BOOST_TEST(day.at("bytes_outside") == 53'400);
  BOOST_TEST(samples_of(*store, "blind", Resolution::day).at(0).at("packets_outside").is_null());
}

void a_minute_without_a_known_pair_does_not_say_that_nothing_left(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto store = open();
  auto blind = leaking(report("a", "b", 8, State::danger, at(130)), 530);
  blind.report.leak->counting = false;
  add_and_roll_up(
      *store, {leaking(report("a", "b", 7, State::danger, at(70)), 500), blind, leaking(report("a", "b", 9, State::danger, at(190)), 540),
               leaking(report("a", "b", 10, State::danger, at(250)), 541)});
  const auto packets = [&](std::size_t minute) { return samples_of(*store, "a", Resolution::minute).at(minute).at("packets_outside"); };
  BOOST_TEST(packets(0).is_null());  // what the meter had counted before is not known
  BOOST_TEST(packets(1).is_null());
  BOOST_TEST(packets(2).is_null());
  BOOST_TEST(packets(3) == 1);
  // A meter that began after a report that did not count has counted all since.
  auto waiting = report("late", "b", 4, State::danger, at(70));
  add_and_roll_up(*store, {waiting, leaking(report("late", "b", 5, State::danger, at(130)), 12, 100)});
  BOOST_TEST(samples_of(*store, "late", Resolution::minute).at(1).at("packets_outside") == 12);
}

Admitted carrying(Admitted admitted, std::uint64_t rx_bytes, std::uint64_t tx_bytes, std::uint32_t age_s, double since = -100) {
  admitted.report.tunnel = TunnelReport{"wg0", "wireguard", true, at(since), rx_bytes, tx_bytes, age_s};
  return admitted;
}

void what_a_tunnel_carried_is_a_mean_of_the_time_between_its_reports(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto store = open();
  auto silent = carrying(report("a", "b", 5, State::secure, at(140)), 0, 0, 7);
  silent.report.tunnel->rx_bytes.reset();
  add_and_roll_up(*store, {carrying(report("a", "b", 1, State::secure, at(0)), 1'000'000, 500, 40),
                           carrying(report("a", "b", 2, State::secure, at(20)), 1'002'000, 700, 60),
                           carrying(report("a", "b", 3, State::secure, at(70)), 1'003'000, 700, 20),
                           carrying(report("a", "b", 4, State::secure, at(130)), 600, 6'000, 5, 90),  // a tunnel made anew
                           silent, report("plain", "b", 1, State::secure, at(0)), report("plain", "b", 2, State::secure, at(30)),
                           carrying(report("fell", "b", 1, State::secure, at(0)), 900, 900, 1),
                           carrying(report("fell", "b", 2, State::secure, at(30)), 10, 950, 1)});
  const auto minutes = samples_of(*store, "a", Resolution::minute);
  BOOST_REQUIRE_EQUAL(minutes.size(), 3U);
  BOOST_TEST((minutes[0].at("traffic_bytes_per_s") == json{{"rx", 100.0}, {"tx", 10.0}}));
  BOOST_TEST((minutes[1].at("traffic_bytes_per_s") == json{{"rx", 20.0}, {"tx", 0.0}}));
  BOOST_TEST(minutes[2].at("traffic_bytes_per_s").is_null());
  BOOST_TEST((minutes[0].at("handshake_age_s") == json{{"mean", 50.0}, {"max", 60}}));
  for (const auto resolution : {Resolution::hour, Resolution::day}) {
    const auto coarse = samples_of(*store, "a", resolution).at(0);
    BOOST_TEST((coarse.at("traffic_bytes_per_s") == json{{"rx", 3000.0 / 70}, {"tx", 200.0 / 70}}));
    BOOST_TEST((coarse.at("handshake_age_s") == json{{"mean", 26.4}, {"max", 60}}));
  }
  // What came after a silence is not spread over it.
  add_and_roll_up(*store, {carrying(report("silent", "b", 1, State::secure, at(0)), 0, 0, 1),
                           carrying(report("silent", "b", 2, State::secure, at(36'000)), 5, 0, 1),
                           carrying(report("silent", "b", 3, State::secure, at(36'010)), 1'000'005, 0, 1)});
  BOOST_TEST(samples_of(*store, "silent", Resolution::hour).back().at("traffic_bytes_per_s").at("rx") == 100'000.0);
  // A late report splits the time in which it lies.
  add_and_roll_up(*store, {carrying(report("late", "b", 1, State::secure, at(0)), 0, 0, 1),
                           carrying(report("late", "b", 3, State::secure, at(100)), 1'000, 0, 1),
                           carrying(report("late", "b", 2, State::secure, at(50)), 100, 0, 1)});
  const auto late = samples_of(*store, "late", Resolution::minute);
  BOOST_TEST(late.at(0).at("traffic_bytes_per_s").at("rx") == 2.0);
  BOOST_TEST(late.at(1).at("traffic_bytes_per_s").at("rx") == 18.0);
  for (const auto* silent_client : {"plain", "fell"})
    BOOST_TEST(samples_of(*store, silent_client, Resolution::day).at(0).at("traffic_bytes_per_s").is_null());
  BOOST_TEST(samples_of(*store, "plain", Resolution::day).at(0).at("handshake_age_s").is_null());
}

void numbers_of_a_tunnel_that_lies_stop_at_the_largest(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto store = open();
  std::vector<Admitted> reports;
  for (std::uint64_t seq = 1; seq <= 8; ++seq) {
    reports.push_back(
        carrying(report("a", "b", seq, State::secure, at(static_cast<double>(seq))), seq % 2 == 0 ? UINT64_MAX : 0, 0, UINT32_MAX));
  }
  add_and_roll_up(*store, {reports.begin(), reports.begin() + 4});
  add_and_roll_up(*store, {reports.begin() + 4, reports.end()});
  const auto day = samples_of(*store, "a", Resolution::day).at(0);
  BOOST_TEST(day.at("traffic_bytes_per_s").at("rx").get<double>() == 9e18 / 4);
  BOOST_TEST(day.at("handshake_age_s").at("mean") == 4'294'967'295.0);
}

void reports_become_minutes_hours_and_days(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add_and_roll_up(*store, {measured(report("a", "b", 1, State::secure, at(0)), 10, "198.51.100.2"),
                           measured(report("a", "b", 2, State::danger, at(20)), 30, "198.51.100.3"),
                           measured(report("a", "b", 3, State::secure, at(50)), 20, "198.51.100.2"),
                           report("other", "b", 1, State::contained, at(10))});
  const auto minutes = samples_of(*store, "a", Resolution::minute);
  BOOST_REQUIRE_EQUAL(minutes.size(), 2U);
  const auto& first = minutes[0];
  BOOST_TEST(first.at("start") == "2026-11-21T10:00:00.000000Z");
  BOOST_TEST(first.at("length_s") == 60);
  BOOST_TEST(first.at("reports") == 3);
  BOOST_TEST(first.at("worst") == "danger");
  BOOST_TEST(first.at("secure_s") == 30.0);
  BOOST_TEST(first.at("danger_s") == 30.0);
  BOOST_TEST(first.at("unknown_s") == 0.0);
  BOOST_TEST(first.at("latency_ms").at("min") == 10.0);
  BOOST_TEST(first.at("latency_ms").at("mean") == 20.0);
  BOOST_TEST(first.at("latency_ms").at("max") == 30.0);
  BOOST_TEST((first.at("exits") == json{"198.51.100.2", "198.51.100.3"}));
  BOOST_TEST(minutes[1].at("reports") == 0);
  BOOST_TEST(minutes[1].at("secure_s") == 20.0);  // the lease of the last report
  BOOST_TEST(minutes[1].at("unknown_s") == 40.0);
  BOOST_TEST(minutes[1].at("worst") == "secure");
  for (const auto resolution : {Resolution::hour, Resolution::day}) {
    const auto coarse = samples_of(*store, "a", resolution);
    BOOST_REQUIRE_EQUAL(coarse.size(), 1U);
    BOOST_TEST(coarse[0].at("reports") == 3);
    BOOST_TEST(coarse[0].at("secure_s") == 50.0);
    BOOST_TEST(coarse[0].at("danger_s") == 30.0);
  }
  BOOST_TEST(samples_of(*store, "nobody", Resolution::hour).empty());
}

/// Reports of two starts with all that a roll-up adds up: states, latencies, exits, meters.
std::vector<Admitted> mixed_reports() {
  std::vector<Admitted> reports;
  for (std::uint64_t seq = 1; seq <= 40; ++seq) {
    const auto state = seq % 5 == 0 ? State::danger : seq % 3 == 0 ? State::warning : State::secure;
    reports.push_back(measured(report("a", seq > 25 ? "second" : "first", seq, state, at(static_cast<double>(seq) * 17)),
                               static_cast<double>(seq), "198.51.100." + std::to_string(seq % 4)));
    if (seq % 5 != 0)
      reports.back() = carrying(reports.back(), seq * seq * 1'000, seq * 700, static_cast<std::uint32_t>(seq * 3), seq > 30 ? 500 : 0);
    if (seq % 7 != 0) reports.back() = leaking(reports.back(), seq * seq % 600, seq > 12 ? 12 * 17 : -100);
    if (seq % 7 < 3) reports.back().report.latency_ms.reset();
    if (seq % 4 == 2) reports.back().report.public_ip.reset();
  }
  return reports;
}

/// As if it had been given in order to a store that rolls up afterwards.
void check_same_samples(Store& store, Store& expected) {
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) {
    BOOST_TEST(samples_of(store, "a", resolution) == samples_of(expected, "a", resolution));
  }
}

void roll_ups_do_not_depend_on_the_order_in_which_reports_arrive(const StoreFactory& factory) {
  const auto reports = mixed_reports();
  const auto in_order = factory.fresh();
  const auto shuffled = factory.fresh();
  auto expected = in_order();
  add_and_roll_up(*expected, reports);
  auto store = shuffled();
  const auto portion = [&](std::size_t step, std::size_t offset) {
    std::vector<Admitted> some;
    for (std::size_t i = offset; i < reports.size(); i += step) some.push_back(reports[i]);
    return some;
  };
  for (const std::size_t offset : {3U, 0U, 2U, 1U}) {
    auto some = portion(4, offset);
    if (offset == 2) std::reverse(some.begin(), some.end());
    add_and_roll_up(*store, some);
    if (offset == 0) store.reset(), store = shuffled();  // what was rolled up is known after a restart, too
  }
  check_same_samples(*store, *expected);
}

void reports_add_up_the_same_while_they_come_and_when_they_are_read_again(const StoreFactory& factory) {
  auto reports = mixed_reports();
  reports.back().report.trigger = "stop";
  reports.push_back(original("a", State::warning, at(700)));
  reports.push_back(original("a", State::warning, at(900)));
  const auto while_they_come = factory.fresh();
  const auto read_again = factory.fresh();
  auto store = while_they_come();
  BOOST_TEST(!take(store->roll_up()));  // nothing is left to be read: from here on nothing is
  add_and_roll_up(*store, reports);
  auto other = read_again();
  check(other->begin());
  for (const auto& admitted : reports) BOOST_TEST(take(other->add_report(admitted)));
  check(other->commit());
  other = nullptr, other = read_again();
  while (take(other->roll_up())) continue;
  check_same_samples(*store, *other);
  BOOST_TEST(!samples_of(*store, "a", Resolution::day).empty());
}

void what_was_taken_back_is_in_no_roll_up(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add_and_roll_up(*store, {report("a", "b", 1, State::secure, at(0))});
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 2, State::secure, at(1)))));
  check(store->commit());
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 3, State::danger, at(2)))));
  store->rollback();
  add_and_roll_up(*store, {report("a", "b", 3, State::secure, at(2))});
  const auto day = samples_of(*store, "a", Resolution::day).at(0);
  BOOST_TEST(day.at("reports") == 3);
  BOOST_TEST(day.at("worst") == "secure");
}

void a_crash_between_two_clients_of_a_roll_up_counts_nothing_twice(const StoreFactory& factory) {
  constexpr int clients = 2'300;
  const auto open = factory.fresh();
  const auto add_to_all = [](Store& store, std::uint64_t seq) {
    check(store.begin());
    for (int i = 0; i < clients; ++i) {
      const auto client_id = i == 0 ? std::string("a") : "client-" + std::to_string(i);
      BOOST_REQUIRE(take(store.add_report(report(client_id, "b", seq, State::secure, at(static_cast<double>(seq) * 20)))));
    }
    check(store.commit());
  };
  std::uint64_t rounds = 0;
  // Each life of the hub ends one step later than the one before, with reports that came before and after its first step.
  bool more = true;
  for (int steps = 1; more && steps < 20; ++steps) {
    auto store = open();
    for (int step = 0; step < steps && more; ++step) more = take(store->roll_up());
    if (rounds < 3) add_to_all(*store, ++rounds);
    more = more || rounds < 3;
  }
  BOOST_TEST(!more);
  auto store = open();
  while (take(store->roll_up())) continue;
  for (const auto* client_id : {"a", "client-1", "client-999", "client-1000", "client-1001", "client-2299"}) {
    const auto day = samples_of(*store, client_id, Resolution::day).at(0);
    BOOST_TEST(day.at("reports") == rounds);
    BOOST_TEST(day.at("secure_s") == 70.0);
  }
}

void what_does_not_fit_into_memory_until_it_is_written_counts_once(const StoreFactory& factory) {
  constexpr std::uint64_t reports = 3'600;  // each speaks for the sixty minutes of another hour
  const auto open = factory.fresh();
  auto store = open();
  BOOST_TEST(!take(store->roll_up()));
  check(store->begin());
  for (std::uint64_t seq = 1; seq <= reports; ++seq) {
    auto admitted = report("a", "b", seq, State::secure, at(static_cast<double>(seq) * 3600));
    admitted.report.lease_s = 3600;
    BOOST_REQUIRE(take(store->add_report(admitted)));
  }
  check(store->commit());
  while (take(store->roll_up())) continue;
  SampleQuery question{"a", Resolution::day};
  question.most = largest_page;
  double secure = 0;
  std::uint64_t counted = 0;
  for (const auto& day : take(take(store->open_reader())->samples(question)).items) {
    counted += day.at("reports").get<std::uint64_t>();
    secure += day.at("secure_s").get<double>();
  }
  BOOST_TEST(counted == reports);
  BOOST_TEST(secure == 3600.0 * reports);
}

void a_roll_up_that_was_interrupted_counts_nothing_twice(const StoreFactory& factory) {
  const auto open = factory.fresh();
  {
    auto store = open();
    check(store->begin());
    for (std::uint64_t seq = 1; seq <= 1'500; ++seq) BOOST_TEST(take(store->add_report(report("a", "b", seq, State::secure, at(1)))));
    check(store->commit());
    BOOST_TEST(take(store->roll_up()));
  }
  auto store = open();
  while (take(store->roll_up())) continue;
  BOOST_TEST(!take(store->roll_up()));
  BOOST_TEST(samples_of(*store, "a", Resolution::day).at(0).at("reports") == 1'500);
}

}  // namespace

std::vector<ContractCase> roll_up_contract() {
#define CASE(name) \
  { #name, name }
  return {
      CASE(reports_become_minutes_hours_and_days),
      CASE(a_minute_without_a_known_pair_does_not_say_that_nothing_left),
      CASE(what_a_tunnel_carried_is_a_mean_of_the_time_between_its_reports),
      CASE(numbers_of_a_tunnel_that_lies_stop_at_the_largest),
      CASE(what_left_outside_is_in_the_minute_of_the_report_that_told_it),
      CASE(roll_ups_do_not_depend_on_the_order_in_which_reports_arrive),
      CASE(reports_add_up_the_same_while_they_come_and_when_they_are_read_again),
      CASE(what_was_taken_back_is_in_no_roll_up),
      CASE(what_does_not_fit_into_memory_until_it_is_written_counts_once),
      CASE(a_roll_up_that_was_interrupted_counts_nothing_twice),
      CASE(a_crash_between_two_clients_of_a_roll_up_counts_nothing_twice),
  };
#undef CASE
}

}  // namespace vpn_sentinel::test
