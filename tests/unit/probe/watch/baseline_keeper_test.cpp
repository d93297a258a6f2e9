#include "probe/watch/baseline_keeper.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

Snapshot host(std::size_t rules) {
  Snapshot snapshot;
  for (std::size_t i = 0; i < rules; ++i) {
    Rule rule;
    rule.priority = static_cast<std::uint32_t>(100 + i);
    rule.table = RT_TABLE_MAIN;
    rule.action = FR_ACT_TO_TBL;
    snapshot.rules.push_back(rule);
  }
  snapshot.routes = {route("0.0.0.0/0", 3)};
  return snapshot;
}

constexpr BaselineKeeper::Health secure{true, true};
constexpr BaselineKeeper::Health warned{true, false};
constexpr BaselineKeeper::Health leaking{false, false};

struct Time {
  MonoTime now{1h};
  std::uint64_t generation = 1;
};

/// A keeper that has learnt two rules.
struct Learnt {
  Learnt() {
    sweep(host(2), secure);
    time.now += 4s;
    sweep(host(2), secure);
  }
  void sweep(const Snapshot& snapshot, BaselineKeeper::Health health) {
    keeper.sweep(snapshot, time.generation++, Observation{}, health, time.now);
  }

  Time time;
  BaselineKeeper keeper{""};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(baseline_keeper)

BOOST_AUTO_TEST_CASE(what_was_secure_for_a_moment_is_the_healthy_state) {
  Learnt learnt;
  BOOST_TEST(learnt.keeper.drift().rules.empty());
  learnt.sweep(host(3), secure);
  BOOST_TEST(learnt.keeper.drift().rules.size() == 1U);
  BOOST_TEST(!learnt.keeper.drift().pinned);
  learnt.sweep(host(2), secure);
  BOOST_TEST(learnt.keeper.drift().rules.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_learnt_from_the_first_seconds_or_from_a_state_with_a_warning) {
  BaselineKeeper keeper{""};
  keeper.sweep(host(2), 1, {}, secure, MonoTime{1h});
  keeper.sweep(host(3), 2, {}, secure, MonoTime{1h + 1s});
  BOOST_TEST(keeper.drift().rules.empty());
  keeper.sweep(host(4), 3, {}, warned, MonoTime{1h + 10s});
  keeper.sweep(host(5), 4, {}, warned, MonoTime{1h + 20s});
  BOOST_TEST(keeper.drift().rules.empty());
}

BOOST_AUTO_TEST_CASE(while_something_leaks_nothing_is_compared) {
  Learnt learnt;
  learnt.sweep(host(3), leaking);
  BOOST_TEST(learnt.keeper.drift().rules.empty());
  learnt.sweep(host(3), warned);
  BOOST_TEST(learnt.keeper.drift().rules.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_change_that_stays_secure_for_an_hour_is_the_new_healthy_state_and_one_that_warns_is_not) {
  for (const auto health : {secure, warned}) {
    Learnt learnt;
    for (int minute = 0; minute < 70; ++minute) {
      learnt.sweep(host(3), health);
      learnt.time.now += 1min;
    }
    BOOST_TEST(learnt.keeper.drift().rules.empty() == health.secure);
  }
}

BOOST_AUTO_TEST_CASE(a_pinned_state_counts_at_once_follows_its_file_and_is_never_replaced_by_time) {
  const std::string file = "/tmp/vs" + std::to_string(::getpid()) + "-keeper/x.json";
  BOOST_TEST(write_baseline(file, make_baseline(host(2), Observation{})).has_value());
  BaselineKeeper keeper{file};
  keeper.sweep(host(3), 1, {}, secure, MonoTime{1h});
  BOOST_TEST(keeper.drift().rules.size() == 1U);
  BOOST_TEST(keeper.drift().pinned);
  keeper.sweep(host(3), 2, {}, secure, MonoTime{9h});
  BOOST_TEST(keeper.drift().rules.size() == 1U);
  std::ofstream(file) << "{";
  keeper.sweep(host(3), 3, {}, secure, MonoTime{9h + 1s});
  BOOST_TEST(keeper.drift().pinned);
  BOOST_REQUIRE(keeper.drift().routes.size() == 1U);
  BOOST_TEST(keeper.drift().routes.front().starts_with("the pinned healthy state cannot be read"));
  std::filesystem::remove_all(std::filesystem::path(file).parent_path());
  keeper.sweep(host(3), 4, {}, secure, MonoTime{9h + 2s});
  BOOST_TEST(!keeper.drift().pinned);
}

BOOST_AUTO_TEST_CASE(a_pinned_state_that_may_be_there_and_cannot_be_seen_is_not_taken_for_none) {
  const auto file = fmt::format("{}/vs{}-loop", std::filesystem::temp_directory_path().string(), ::getpid());
  std::filesystem::create_symlink(file, file);  // ELOOP, which root gets too
  BaselineKeeper keeper{file};
  keeper.sweep(host(2), 1, Observation{}, secure, MonoTime{1h});
  BOOST_TEST_REQUIRE(keeper.drift().routes.size() == 1U);
  BOOST_TEST(keeper.drift().pinned);
  keeper.sweep(host(2), 1, Observation{}, secure, MonoTime{1h + 1s});
  BOOST_TEST(keeper.drift().routes.size() == 1U);
  std::filesystem::remove(file);
  keeper.sweep(host(2), 1, Observation{}, secure, MonoTime{1h + 2s});
  BOOST_TEST(keeper.drift().routes.empty());
}

BOOST_AUTO_TEST_SUITE_END()
