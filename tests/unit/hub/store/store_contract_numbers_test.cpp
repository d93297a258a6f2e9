// The contract of stores: each report once, whatever the store has put in order of them so far.
#include <algorithm>

#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

Admitted numbered(std::uint64_t seq, const std::string& boot = "b", const std::string& client_id = "a") {
  return report(client_id, boot, seq, State::secure, at(static_cast<double>(seq) / 1000));
}

void add(Store& store, const std::vector<std::uint64_t>& seqs) {
  check(store.begin());
  for (const auto seq : seqs) BOOST_TEST(take(store.add_report(numbered(seq))));
  check(store.commit());
}

std::vector<std::uint64_t> from_to(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> seqs;
  for (auto seq = first; seq <= last; ++seq) seqs.push_back(seq);
  return seqs;
}

/// How many of them a store takes, which then forgets them again.
std::size_t taken_of(Store& store, const std::vector<std::uint64_t>& seqs) {
  check(store.begin());
  const auto taken = std::count_if(seqs.begin(), seqs.end(), [&](auto seq) { return take(store.add_report(numbered(seq))); });
  store.rollback();
  return static_cast<std::size_t>(taken);
}

std::int64_t reports_of_the_day(Store& store) {
  SampleQuery question;
  question.client_id = "a";
  question.resolution = Resolution::day;
  return take(take(store.open_reader())->samples(question)).items.at(0).at("reports").get<std::int64_t>();
}

void each_report_is_known_at_every_step_of_the_roll_up_and_after_a_crash_there(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto seqs = from_to(1, 5'000);
  {
    auto store = open();
    add(*store, seqs);
    BOOST_TEST(taken_of(*store, seqs) == 0U);
  }
  bool more = true;
  for (int steps = 1; more; ++steps) {
    auto store = open();
    BOOST_TEST(taken_of(*store, {1, 2'000, 2'001, 5'000}) == 0U);
    for (int step = 0; step < steps && more; ++step) more = take(store->roll_up());
    BOOST_TEST(taken_of(*store, {1, 2'000, 2'001, 5'000, 5'001}) == 1U);
    BOOST_REQUIRE(steps < 20);
  }
  auto store = open();
  while (take(store->roll_up())) continue;
  BOOST_TEST(taken_of(*store, seqs) == 0U);
  BOOST_TEST(reports_of_the_day(*store) == 5'000);
}

void gaps_are_filled_once_before_and_after_the_roll_up(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add(*store, {1, 2, 5, 9});
  while (take(store->roll_up())) continue;
  add(*store, {3, 12});
  BOOST_TEST(taken_of(*store, {1, 2, 3, 4, 5, 6, 9, 10, 12, 13}) == 4U);
  store = nullptr, store = open();
  BOOST_TEST(taken_of(*store, {1, 2, 3, 4, 5, 6, 9, 10, 12, 13}) == 4U);
  add(*store, {4});
  while (take(store->roll_up())) continue;
  BOOST_TEST(taken_of(*store, {1, 2, 3, 4, 5, 6, 9, 10, 12, 13}) == 3U);
  BOOST_TEST(reports_of_the_day(*store) == 7);
}

void what_was_taken_back_is_not_known_and_what_was_before_is(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add(*store, {1, 2, 3});
  check(store->begin());
  BOOST_TEST(take(store->add_report(numbered(4))));
  BOOST_TEST(take(store->add_report(numbered(1, "other boot"))));
  BOOST_TEST(take(store->add_report(numbered(1, "b", "other client"))));
  BOOST_TEST(!take(store->add_report(numbered(4))));
  store->rollback();
  check(store->begin());
  BOOST_TEST(!take(store->add_report(numbered(3))));
  BOOST_TEST(take(store->add_report(numbered(4))));
  BOOST_TEST(take(store->add_report(numbered(1, "other boot"))));
  BOOST_TEST(take(store->add_report(numbered(1, "b", "other client"))));
  check(store->commit());
}

void neighbours_are_found_wherever_they_are(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add(*store, {10, 30});
  while (take(store->roll_up())) continue;
  add(*store, {20, 40});
  const auto around = [&](std::uint64_t seq) {
    const auto found = take(store->load_neighbours(numbered(seq).report));
    return std::pair(found.before ? found.before->seq : 0, found.after ? found.after->seq : 0);
  };
  BOOST_TEST((around(5) == std::pair<std::uint64_t, std::uint64_t>{0, 10}));
  BOOST_TEST((around(15) == std::pair<std::uint64_t, std::uint64_t>{10, 20}));
  BOOST_TEST((around(25) == std::pair<std::uint64_t, std::uint64_t>{20, 30}));
  BOOST_TEST((around(35) == std::pair<std::uint64_t, std::uint64_t>{30, 40}));
  BOOST_TEST((around(45) == std::pair<std::uint64_t, std::uint64_t>{40, 0}));
}

void what_comes_after_everything_was_removed_is_rolled_up_like_the_rest(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  add(*store, {1, 2, 3});
  while (take(store->maintain(keeping(at(1'000))))) continue;
  BOOST_TEST(take(take(store->open_reader())->reports({"a"})).items.empty());
  BOOST_TEST(taken_of(*store, {1, 2, 3}) == 3U);
  store = nullptr, store = open();
  add(*store, {4});
  while (take(store->roll_up())) continue;
  BOOST_TEST(reports_of_the_day(*store) == 4);
  BOOST_TEST(taken_of(*store, {4}) == 0U);
}

}  // namespace

std::vector<ContractCase> numbers_contract() {
#define CASE(name) \
  { #name, name }
  return {
      CASE(each_report_is_known_at_every_step_of_the_roll_up_and_after_a_crash_there),
      CASE(gaps_are_filled_once_before_and_after_the_roll_up),
      CASE(what_was_taken_back_is_not_known_and_what_was_before_is),
      CASE(neighbours_are_found_wherever_they_are),
      CASE(what_comes_after_everything_was_removed_is_rolled_up_like_the_rest),
  };
#undef CASE
}

}  // namespace vpn_sentinel::test
