#include "hub/state/exposure.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "hub/state/leak_step.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(exposure)

using namespace vpn_sentinel;
using test::at;

namespace {

LeakReport counted(std::uint64_t packets, double since = 0) {
  LeakReport leak;
  leak.counting = true;
  leak.since = at(since);
  leak.packets = packets;
  leak.bytes = packets * 100;
  return leak;
}

LeakReport to(LeakReport leak, const std::string& address, std::uint64_t packets) {
  leak.destinations.push_back({address, "udp", 53, 1000, packets, packets * 100});
  return leak;
}

/// The numbers 1, 2, … of one boot, with what each counted.
struct Story {
  std::vector<LeakReport> leaks;

  [[nodiscard]] LeakStep step(std::size_t number) const {
    const auto* before = number > 1 ? &leaks.at(number - 2) : nullptr;
    return {"a", "b", number, &leaks.at(number - 1), number - 1, before};
  }
};

std::uint64_t packets_of(const Exposure& exposure) { return total_of(exposure).value().packets; }

Admitted with_leak(std::uint64_t seq, State state, double when, LeakReport leak) {
  auto admitted = test::report("a", "b", seq, state, at(when));
  admitted.report.leak = std::move(leak);
  return admitted;
}

ClientState known(const Admitted& admitted) {
  ClientState client;
  client.client_id = admitted.report.client_id;
  client.last_report = admitted.report;
  client.last_seen = admitted.received;
  return client;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nobody_counted_is_not_nothing_left) {
  Exposure nobody;
  BOOST_TEST(!total_of(nobody).has_value());
  const Story quiet{{counted(5), counted(5)}};
  BOOST_TEST(add(nobody, quiet.step(2)));
  BOOST_TEST(packets_of(nobody) == 0U);
}

BOOST_AUTO_TEST_CASE(only_the_growth_counts) {
  Exposure exposure;
  const Story story{{counted(100), counted(103), counted(103), counted(110)}};
  BOOST_TEST(add(exposure, story.step(2)));
  BOOST_TEST(packets_of(exposure) == 3U);
  BOOST_TEST(!add(exposure, story.step(3)));
  BOOST_TEST(add(exposure, story.step(4)));
  BOOST_TEST(packets_of(exposure) == 10U);
  BOOST_TEST(total_of(exposure)->bytes == 1000U);
}

BOOST_AUTO_TEST_CASE(in_every_order_and_however_often_it_is_the_same) {
  const Story story{{counted(100), counted(103), counted(104), counted(150), counted(151)}};
  std::vector<std::size_t> order(4);
  std::iota(order.begin(), order.end(), 2U);
  do {
    Exposure exposure;
    for (const auto number : order) static_cast<void>(add(exposure, story.step(number)));
    BOOST_TEST(packets_of(exposure) == 51U);
    for (const auto number : order) BOOST_TEST(!add(exposure, story.step(number)));
    BOOST_TEST(packets_of(exposure) == 51U);
  } while (std::ranges::next_permutation(order).found);
}

BOOST_AUTO_TEST_CASE(a_meter_that_begins_anew_comes_on_top) {
  Exposure exposure;
  const auto old_one = counted(100);
  const auto later = counted(107);
  const auto anew = counted(4, 50);
  const LeakReport nothing;
  BOOST_TEST(add(exposure, {"a", "b", 2, &later, 1, &old_one}));
  BOOST_TEST(add(exposure, {"a", "b", 3, &anew, 2, &nothing}));
  BOOST_TEST(packets_of(exposure) == 11U);
}

BOOST_AUTO_TEST_CASE(numbers_that_fall_without_a_word_add_nothing) {
  Exposure exposure;
  const Story story{{counted(100), counted(107), counted(3), counted(9)}};
  for (std::size_t number = 2; number <= 4; ++number) static_cast<void>(add(exposure, story.step(number)));
  BOOST_TEST(packets_of(exposure) == 7U);
  Exposure fresh;
  static_cast<void>(add(fresh, story.step(3)));
  BOOST_TEST(packets_of(fresh) == 0U);
}

BOOST_AUTO_TEST_CASE(a_meter_whose_past_is_not_known_counts_from_now_on) {
  Exposure exposure;
  const auto first = counted(1'000'000);
  const auto second = counted(1'000'002);
  BOOST_TEST(add(exposure, {"a", "b", 70, &first, 0, nullptr}));
  BOOST_TEST(packets_of(exposure) == 0U);
  BOOST_TEST(add(exposure, {"a", "b", 71, &second, 70, &first}));
  BOOST_TEST(packets_of(exposure) == 2U);
}

BOOST_AUTO_TEST_CASE(a_meter_whose_past_is_not_known_is_no_proof_that_nothing_left) {
  Exposure exposure;
  const auto first = counted(1'000'000);
  const auto second = counted(1'000'002);
  static_cast<void>(add(exposure, {"a", "b", 70, &first, 0, nullptr}));
  BOOST_TEST(total_of(exposure)->is_unknown());
  BOOST_TEST(to_json(*total_of(exposure)).is_null());
  static_cast<void>(add(exposure, {"a", "b", 71, &second, 70, &first}));
  BOOST_TEST(total_of(exposure)->at_least);
  BOOST_TEST(to_json(*total_of(exposure)).at("at_least") == true);
  Exposure whole;
  static_cast<void>(add(whole, {"a", "b", 71, &second, 70, &first}));
  BOOST_TEST(!total_of(whole)->at_least);
  BOOST_TEST(!to_json(*total_of(whole)).contains("at_least"));
  join(whole, exposure);
  BOOST_TEST(total_of(whole)->at_least);
}

BOOST_AUTO_TEST_CASE(who_does_not_count_leaves_a_gap_that_is_learnt_once) {
  Exposure exposure;
  BOOST_TEST(add(exposure, {"a", "b", 7, nullptr, 0, nullptr}));
  BOOST_TEST(!add(exposure, {"a", "b", 8, nullptr, 0, nullptr}));
  BOOST_TEST(!total_of(exposure).has_value());
  const Story quiet{{counted(5), counted(5)}};
  static_cast<void>(add(exposure, quiet.step(2)));
  BOOST_TEST(total_of(exposure)->is_unknown());
}

BOOST_AUTO_TEST_CASE(destinations_are_told_by_their_growth_the_largest_first) {
  Exposure exposure;
  const Story story{{to(counted(10), "203.0.113.1", 10), to(to(counted(40), "203.0.113.1", 12), "203.0.113.2", 28),
                     to(to(to(counted(60), "203.0.113.1", 12), "203.0.113.2", 30), "203.0.113.3", 18)}};
  static_cast<void>(add(exposure, story.step(2)));
  static_cast<void>(add(exposure, story.step(3)));
  const std::vector<LeakDestinationReport> expected{
      {"203.0.113.2", "udp", 53, 1000, 30, 3000}, {"203.0.113.3", "udp", 53, 1000, 18, 1800}, {"203.0.113.1", "udp", 53, 1000, 2, 200}};
  BOOST_TEST((total_of(exposure)->destinations == expected));
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_and_what_left_the_list_is_not_counted_again) {
  Exposure exposure;
  const LeakReport nothing;
  std::vector<LeakReport> meters;
  for (int i = 0; i < 40; ++i) meters.push_back(to(counted(3, i), "203.0.113." + std::to_string(i), 3));
  for (const auto& meter : meters) static_cast<void>(add(exposure, {"a", "b", 5, &meter, 4, &nothing}));
  BOOST_TEST(packets_of(exposure) == 120U);
  for (const auto& meter : meters) BOOST_TEST(!add(exposure, {"a", "b", 5, &meter, 4, &nothing}));
  BOOST_TEST(packets_of(exposure) == 120U);
  BOOST_TEST(exposure.ledgers.at(0).meters.size() == LeakLedger::most_meters);
  BOOST_TEST(total_of(exposure)->destinations.size() == 20U);
}

BOOST_AUTO_TEST_CASE(of_a_group_the_member_counts_who_saw_most) {
  Exposure exposure;
  const LeakReport nothing;
  const auto some = to(counted(5), "203.0.113.1", 5);
  const auto more = to(counted(7), "203.0.113.1", 7);
  static_cast<void>(add(exposure, {"a", "b", 1, &some, 0, &nothing}));
  static_cast<void>(add(exposure, {"c", "d", 1, &more, 0, &nothing}));
  BOOST_TEST(packets_of(exposure) == 7U);
  BOOST_TEST(total_of(exposure)->destinations.at(0).packets == 7U);
}

BOOST_AUTO_TEST_CASE(two_parts_that_are_joined_have_what_left_between_them_too) {
  const Story story{{counted(10), counted(12), counted(20), counted(21)}};
  Exposure early;
  Exposure late;
  static_cast<void>(add(early, story.step(2)));
  static_cast<void>(add(late, story.step(4)));
  join(late, early);
  BOOST_TEST(packets_of(late) == 11U);
  join(late, early);
  BOOST_TEST(packets_of(late) == 11U);
}

BOOST_AUTO_TEST_CASE(no_number_from_outside_wraps_around) {
  Exposure exposure;
  const LeakReport nothing;
  auto first = counted(0, 1);
  auto second = counted(0, 2);
  first.packets = second.packets = first.bytes = second.bytes = UINT64_MAX;
  static_cast<void>(add(exposure, {"a", "b", 1, &first, 0, &nothing}));
  static_cast<void>(add(exposure, {"a", "b", 2, &second, 1, &nothing}));
  BOOST_TEST(packets_of(exposure) == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(a_report_is_compared_with_the_one_before_it_of_the_same_meter) {
  const auto one = with_leak(1, State::secure, 1, counted(10, -5));
  const auto two = with_leak(2, State::danger, 2, counted(14, -5));
  const auto anew = with_leak(3, State::danger, 3, counted(6, 2.5));
  const auto packets = [](const std::optional<LeakStep>& step) {
    Exposure exposure;
    if (step) static_cast<void>(add(exposure, *step));
    const auto total = total_of(exposure);
    return total ? static_cast<int>(total->packets) : -1;
  };
  const auto after_one = known(one);
  const auto after_two = known(two);
  BOOST_TEST(packets(leak_step(nullptr, one)) == 10);  // the first report of a probe: nobody else counted
  BOOST_TEST(packets(leak_step(nullptr, two)) == 0);   // of one that runs for long
  BOOST_TEST(packets(leak_step(&after_one, two)) == 4);
  BOOST_TEST(packets(leak_step(&after_two, anew)) == 6);
  auto restarted = with_leak(1, State::danger, 9, counted(6, 8));
  restarted.report.boot_id = "c";
  BOOST_TEST(packets(leak_step(&after_two, restarted)) == 6);
  auto twin = with_leak(40, State::danger, 9, counted(6, -100));
  twin.report.boot_id = "c";
  BOOST_TEST(packets(leak_step(&after_two, twin)) == 0);
  auto blind = with_leak(2, State::danger, 2, counted(14, -5));
  blind.report.leak->counting = false;
  BOOST_TEST(packets(leak_step(&after_one, blind)) == -1);
  blind.report.leak.reset();
  BOOST_TEST(packets(leak_step(&after_one, blind)) == -1);
  // It could not count for a moment: what the same meter counted before is older.
  const auto after_blind = known(blind);
  const auto sees_again = with_leak(3, State::danger, 3, counted(20, -5));
  BOOST_TEST(packets(leak_step(&after_blind, sees_again)) == 0);
}

BOOST_AUTO_TEST_CASE(a_meter_of_a_clock_that_runs_ahead_is_not_compared_with_times_that_were_set_right) {
  auto blind = with_leak(2, State::danger, 2, counted(14, -5));
  blind.report.leak->counting = false;
  const auto before = known(blind);
  const auto packets = [&](double since) {
    const auto seen = with_leak(3, State::danger, 3, counted(20, since));
    const auto step = leak_step(&before, seen);
    Exposure exposure;
    static_cast<void>(add(exposure, step.value()));
    return total_of(exposure).value();
  };
  BOOST_TEST(packets(2.5).packets == 20U);
  BOOST_TEST(packets(3600).is_unknown());
}

BOOST_AUTO_TEST_SUITE_END()
