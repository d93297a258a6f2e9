#include "hub/state/reliability.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel {
namespace {

using test::at;
using Time = TimeParts::Time;
using std::chrono::minutes;
using std::chrono::seconds;

Stretch stretch(double from, double to) { return {at(from), at(to)}; }

KnownTime known(double from, double to, double secure, double warning = 0, double contained = 0, double danger = 0) {
  const auto time = [](double value) { return Time{static_cast<std::int64_t>(value * 1e6)}; };
  return {stretch(from, to), {time(secure), time(warning), time(contained), time(danger)}};
}

BOOST_AUTO_TEST_SUITE(reliability)

BOOST_AUTO_TEST_CASE(what_nobody_reported_is_offline_when_it_was_heard_as_silence_and_else_not_known) {
  // An hour: 20 minutes secure, 5 in danger, silent for 10 of which 2 are reported later, 27 of nothing.
  const auto parted = part(stretch(0, 3600), {known(0, 1800, 1200, 0, 0, 300)}, {stretch(1500, 2100)}, at(-100));
  BOOST_TEST((parted.parts.in(State::secure) == seconds{1200}));
  BOOST_TEST((parted.parts.in(State::danger) == seconds{300}));
  BOOST_TEST((parted.parts.offline == seconds{600}));
  BOOST_TEST((parted.parts.unknown == seconds{1500}));
  BOOST_TEST((parted.parts.total() == seconds{3600} && !parted.approximate));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_new_in_the_middle_is_absent_before) {
  const auto parted = part(stretch(0, 3600), {known(0, 3600, 1800)}, {}, at(1800));
  BOOST_TEST((parted.parts.absent == seconds{1800}));
  BOOST_TEST((parted.parts.in(State::secure) == seconds{1800}));
  BOOST_TEST(*protected_share(parted.parts) == 1.0);
  const auto never = part(stretch(0, 3600), {}, {}, std::nullopt);
  BOOST_TEST((never.parts.absent == seconds{3600}));
  BOOST_TEST(!protected_share(never.parts).has_value());
}

BOOST_AUTO_TEST_CASE(of_a_stretch_that_lies_half_outside_only_what_is_certain_is_protected) {
  // An hour with 40 minutes secure and 10 in danger, half of it asked for: at least 10 of these 30 minutes were secure.
  const auto half = part(stretch(1800, 3600), {known(0, 3600, 2400, 0, 0, 600)}, {}, at(-100));
  BOOST_TEST((half.parts.in(State::secure) == seconds{600}));
  BOOST_TEST((half.parts.in(State::danger) == seconds{600}));
  BOOST_TEST((half.parts.unknown == seconds{600}));
  BOOST_TEST(half.approximate);
  // All of it was one state: so were its parts.
  const auto even = part(stretch(1800, 3600), {known(0, 3600, 3600)}, {}, at(-100));
  BOOST_TEST((even.parts.in(State::secure) == seconds{1800} && !even.approximate));
}

BOOST_AUTO_TEST_CASE(two_probes_under_one_name_make_no_more_time_and_the_worse_one_counts) {
  const auto parted = part(stretch(0, 60), {known(0, 60, 60, 0, 0, 40)}, {}, at(-100));
  BOOST_TEST((parted.parts.in(State::danger) == seconds{40}));
  BOOST_TEST((parted.parts.in(State::secure) == seconds{20}));
  BOOST_TEST((parted.parts.total() == seconds{60}));
}

BOOST_AUTO_TEST_CASE(silence_counts_only_while_the_hub_was_there_to_hear_it) {
  const auto states = timeline({{at(0), State::secure}, {at(100), State::offline}, {at(1000), State::secure}}, at(2000));
  BOOST_TEST(states.size() == 3U);
  // The hub was away from 200 to 700; of the time before 50 nothing is noted.
  BOOST_TEST((silences(states, {stretch(50, 200), stretch(700, 3000)}) == std::vector{stretch(100, 200), stretch(700, 1000)}));
  BOOST_TEST((silences(states, {stretch(400, 3000)}) == std::vector{stretch(100, 400), stretch(400, 1000)}));
  BOOST_TEST((silences(states, {}) == std::vector{stretch(100, 1000)}));
  BOOST_TEST((silences(states, {stretch(50, 90)}).empty()));
}

BOOST_AUTO_TEST_CASE(a_group_is_known_by_its_marks_while_the_hub_was_there_and_had_settled) {
  const auto states = timeline({{at(0), State::secure}, {at(600), State::danger}, {at(660), State::secure}}, at(3600));
  const auto marks = known_of_marks(states, {stretch(-1000, 1200), stretch(1800, 3600)});
  const auto parted = part(stretch(0, 3600), marks, silences(states, {stretch(-1000, 1200), stretch(1800, 3600)}), at(0));
  BOOST_TEST((parted.parts.in(State::danger) == seconds{60}));
  BOOST_TEST((parted.parts.in(State::secure) == seconds{600 + 540 + 1800} - settling));
  BOOST_TEST((parted.parts.unknown == seconds{600} + settling));
  // Without any note about the hub nothing is known of the group.
  BOOST_TEST(known_of_marks(states, {}).empty());
}

BOOST_AUTO_TEST_CASE(marks_out_of_order_never_overlap) {
  const auto states = timeline({{at(100), State::secure}, {at(50), State::danger}, {at(200), State::secure}}, at(300));
  BOOST_TEST_REQUIRE(states.size() == 2U);
  BOOST_TEST((states[0].state == State::danger && states[0].stretch == stretch(100, 200)));
  BOOST_TEST((states[1].state == State::secure && states[1].stretch == stretch(200, 300)));
}

BOOST_AUTO_TEST_CASE(an_incident_over_the_end_of_a_period_touches_both_and_begins_and_ends_once) {
  const std::vector<IncidentSpan> incidents{{1, at(-50), at(50)}, {2, at(60), at(70)}, {3, at(90), at(150)}, {4, at(160), {}}};
  const auto first = number_incidents(incidents, stretch(0, 100));
  BOOST_TEST((first.count == 3 && first.began == 2 && first.recovered == 2 && first.open == 1));
  BOOST_TEST((first.recovery_sum == seconds{110} && first.longest == seconds{50} && first.longest_id == 1));
  const auto second = number_incidents(incidents, stretch(100, 200));
  BOOST_TEST((second.count == 2 && second.began == 1 && second.recovered == 1 && second.open == 1));
  BOOST_TEST((second.recovery_sum == seconds{60} && second.longest == seconds{50} && second.longest_id == 3));
  const auto whole = number_incidents(incidents, stretch(0, 200));
  BOOST_TEST((whole.count == 4 && whole.began == 3 && whole.recovered == 3 && whole.open == 1));
  // One that ends with a period belongs to it, and to no other.
  const std::vector<IncidentSpan> at_the_end{{1, at(50), at(100)}};
  BOOST_TEST((number_incidents(at_the_end, stretch(0, 100)).recovered == 1));
  BOOST_TEST((number_incidents(at_the_end, stretch(100, 200)) == IncidentNumbers{}));
}

BOOST_AUTO_TEST_CASE(a_share_is_one_only_of_all_of_the_time) {
  TimeParts parts;
  parts.judged[0] = seconds{1'000'000};
  BOOST_TEST(*protected_share(parts) == 1.0);
  parts.unknown = Time{1};
  BOOST_TEST(*protected_share(parts) < 1.0);
}

/// Whatever is known, parts of a period add up to it, nothing is negative, and two halves never have more that is protected than the whole.
BOOST_AUTO_TEST_CASE(parts_add_up_exactly_whatever_is_known) {
  std::mt19937 random(20261121);
  const auto number = [&random](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<KnownTime> times;
    std::vector<Stretch> silent;
    for (int from = number(300); from < 3600; from += number(300)) {
      const int length = 1 + number(400);
      const auto some = [&] { return number(3) == 0 ? 0.0 : static_cast<double>(number(length)); };
      times.push_back(known(from, from + length, some(), some(), some(), some()));
      from += length;
    }
    for (int from = number(500); from < 3600; from += 1 + number(700)) {
      const int length = 1 + number(300);
      silent.push_back(stretch(from, from + length));
      from += length;
    }
    const auto first = number(4) == 0 ? std::nullopt : std::optional(at(number(4000) - 500));
    const int middle = number(3600);
    const auto whole = part(stretch(0, 3600), times, silent, first).parts;
    auto halves = part(stretch(0, middle), times, silent, first).parts;
    const auto second = part(stretch(middle, 3600), times, silent, first).parts;
    BOOST_TEST_REQUIRE((halves.total() == seconds{middle} && second.total() == seconds{3600 - middle}));
    add(halves, second);
    BOOST_TEST_REQUIRE((whole.total() == seconds{3600}));
    BOOST_TEST_REQUIRE((halves.absent == whole.absent));
    BOOST_TEST_REQUIRE((halves.in(State::secure) <= whole.in(State::secure)));
    BOOST_TEST_REQUIRE((halves.in(State::danger) >= whole.in(State::danger)));
    const auto smallest = std::min({std::ranges::min(whole.judged), whole.offline, whole.unknown, whole.absent});
    BOOST_TEST_REQUIRE((smallest >= Time{0}));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
