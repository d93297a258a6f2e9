#include "hub/state/hints.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = test::at(0);

/// Hours of 40 ms with a jitter of 2 ms, then the last one.
HintFacts latencies(double last, int count = 100) {
  HintFacts facts;
  for (int hour = count; hour > 1; --hour) facts.latencies.push_back({now - hours{hour}, 40.0 + (hour % 3) - 1});
  facts.latencies.push_back({now - hours{1}, last});
  return facts;
}

std::vector<std::string> kinds(const HintFacts& facts, const TimeZone& zone = TimeZone::utc()) {
  std::vector<std::string> kinds;
  for (const auto& hint : hints_of(facts, zone, now)) kinds.push_back(hint.kind);
  return kinds;
}

using Kinds = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(hints)

BOOST_AUTO_TEST_CASE(the_median_stands_in_the_middle) {
  BOOST_TEST(median({}) == 0);
  BOOST_TEST(median({3, 1, 2}) == 2);
  BOOST_TEST(median({4, 1, 2, 3}) == 2.5);
}

BOOST_AUTO_TEST_CASE(latency_is_unusual_far_from_its_own_past_in_both_directions_and_says_the_numbers) {
  BOOST_TEST(kinds(latencies(41)).empty());
  BOOST_TEST(kinds(latencies(59)).empty());  // less than half as much again
  BOOST_TEST((kinds(latencies(180)) == Kinds{"latency"}));
  BOOST_TEST((kinds(latencies(5)) == Kinds{"latency"}));
  const auto hint = hints_of(latencies(180), TimeZone::utc(), now).at(0);
  BOOST_TEST(hint.text == "Latency was 180 ms in the hour from 2026-11-21T09:00; usually it is 40 ms (median of 99 hours, spread 1.5 ms).");
  BOOST_TEST(to_json(hint)["evidence"]["hours"] == 99);
}

BOOST_AUTO_TEST_CASE(of_a_short_or_old_past_nothing_is_said_and_outliers_do_not_move_the_middle) {
  BOOST_TEST(kinds(latencies(180, 48)).empty());
  auto old = latencies(180);
  for (auto& hour : old.latencies) hour.start -= hours{4};
  BOOST_TEST(kinds(old).empty());
  auto outliers = latencies(180);
  for (std::size_t i = 0; i < 30; ++i) outliers.latencies[i].mean_ms = 5000;
  BOOST_TEST((kinds(outliers) == Kinds{"latency"}));
  // One that always jumps about does not jump unusually.
  auto wild = latencies(180);
  for (std::size_t i = 0; i + 1 < wild.latencies.size(); ++i) wild.latencies[i].mean_ms = 40.0 + static_cast<double>(i % 7) * 30;
  BOOST_TEST(kinds(wild).empty());
}

BOOST_AUTO_TEST_CASE(flapping_is_many_changes_against_its_own_usual_days) {
  HintFacts facts;
  for (int day = 10; day > 1; --day) facts.state_changes.insert(facts.state_changes.end(), 2, now - days{day} + minutes{5});
  facts.state_changes.insert(facts.state_changes.end(), 9, now - hours{2});
  BOOST_TEST(kinds(facts).empty());
  facts.state_changes.push_back(now - hours{1});
  BOOST_TEST((kinds(facts) == Kinds{"flapping"}));
  BOOST_TEST(hints_of(facts, TimeZone::utc(), now)[0].text ==
             "Its state changed 10 times in 24 hours; usually 2 times in a day (median of 9 days).");
  // It does so every day.
  HintFacts restless;
  for (int day = 10; day > 0; --day) restless.state_changes.insert(restless.state_changes.end(), 12, now - days{day} + minutes{5});
  BOOST_TEST(kinds(restless).empty());
  // It is new: there is no usual day.
  HintFacts young;
  young.state_changes.assign(20, now - hours{3});
  BOOST_TEST(kinds(young).empty());
}

BOOST_AUTO_TEST_CASE(an_exit_change_is_odd_at_an_hour_at_which_there_was_none) {
  HintFacts facts;  // now is 10:00Z; always at 12:00Z
  for (int day = 12; day > 1; --day) facts.exit_changes.push_back(now - days{day} + hours{2});
  BOOST_TEST(kinds(facts).empty());
  auto usual = facts;
  usual.exit_changes.push_back(now - hours{21});  // 13:00Z
  BOOST_TEST(kinds(usual).empty());
  auto odd = facts;
  odd.exit_changes.push_back(now - hours{7});  // 03:00Z
  BOOST_TEST((kinds(odd) == Kinds{"exit_hour"}));
  BOOST_TEST(
      hints_of(odd, TimeZone::find("Europe/Berlin").value(), now)[0].text ==
      "The exit changed at 2026-11-21 04:00 +01:00; none of its 11 changes in the weeks before was within an hour of that time of day.");
  // Over midnight the hours go on.
  HintFacts midnight;
  for (int day = 12; day > 1; --day) midnight.exit_changes.push_back(now - days{day} + hours{13});
  midnight.exit_changes.push_back(now - hours{10});  // 00:00Z after 23:00Z
  BOOST_TEST(kinds(midnight).empty());
  odd.exit_changes.erase(odd.exit_changes.begin(), odd.exit_changes.begin() + 2);
  BOOST_TEST(kinds(odd).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
