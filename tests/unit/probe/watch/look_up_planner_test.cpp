#include "probe/watch/look_up_planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <numeric>
#include <optional>
#include <set>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t wg0 = 3;
constexpr std::uint64_t generation = 7;

/// Everything is asked each time.
Snapshot host() {
  Snapshot snapshot;
  snapshot.links = {link(eth0, "eth0", ""), link(wg0, "wg0", "wireguard")};
  snapshot.routes = {route("0.0.0.0/0", eth0, "203.0.113.1")};
  return snapshot;
}

/// More routes than are asked about each time: the shares are three.
Snapshot full_table() {
  auto snapshot = host();
  for (unsigned i = 0; i < 6000; ++i) {
    snapshot.routes.push_back(route(fmt::format("198.{}.{}.0/24", 20 + i / 256, i % 256), eth0, "203.0.113.1"));
  }
  return snapshot;
}

/// The planner of one target. Plans are an hour apart, so that none is kept because it took long to make.
struct Target {
  const LookUpPlan& plan(std::uint64_t of_generation = generation) {
    now += 1h;
    return plan_at(now, of_generation);
  }
  const LookUpPlan& plan_at(MonoTime time, std::uint64_t of_generation) {
    return planner.plan({snapshot, policy, tunnel, !endpoints.empty(), endpoints, own_marks, marks_told, 0}, of_generation, time);
  }
  void inject() { snapshot.routes.push_back(route("198.18.0.0/15", eth0, "203.0.113.1")); }

  Snapshot snapshot = host();
  TargetPolicy policy;
  std::uint32_t tunnel = wg0;
  std::vector<IpAddress> endpoints;
  std::vector<MarkMatch> own_marks;
  bool marks_told = false;
  MonoTime now = mono_now();
  LookUpPlanner planner;
};

struct SampledTarget : Target {
  SampledTarget() { snapshot = full_table(); }
};

bool asks_about_injected(const LookUpPlan& plan) {
  return std::ranges::find(plan.questions, ip("198.18.0.1"), &RouteQuestion::destination) != plan.questions.end();
}

/// Where in the plan the question stands.
std::vector<std::size_t> positions(const LookUpPlan& plan, const RouteQuestion& question) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
    if (plan.questions[i] == question) found.push_back(i);
  }
  return found;
}

std::vector<std::size_t> everything_of(const LookUpPlan& plan) {
  std::vector<std::size_t> all(plan.questions.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// The first question of the plan about packets of `uid` that only has its turn: those about the whole Internet are asked each time.
std::size_t one_by_turn(const LookUpPlan& plan, std::optional<std::uint32_t> uid = std::nullopt) {
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
    if (!plan.meanings[i].representative && plan.questions[i].flow.uid == uid) return i;
  }
  BOOST_FAIL("the plan asks nothing by turn");
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(look_up_planner)

BOOST_FIXTURE_TEST_CASE(a_plan_is_kept_while_the_generation_stays, Target) {
  BOOST_TEST(!asks_about_injected(plan()));
  inject();
  BOOST_TEST(!asks_about_injected(plan()));
  BOOST_TEST(asks_about_injected(plan(generation + 1)));
}

BOOST_FIXTURE_TEST_CASE(a_generation_that_is_not_known_makes_a_plan_anew, Target) {
  BOOST_TEST(!asks_about_injected(plan(0)));
  inject();
  BOOST_TEST(asks_about_injected(plan(0)));
}

BOOST_AUTO_TEST_CASE(whatever_else_a_plan_depends_on_makes_it_anew_as_well) {
  const auto makes_anew = [](auto change) {
    Target target;
    BOOST_TEST(!asks_about_injected(target.plan()));
    target.inject();
    change(target);
    return asks_about_injected(target.plan());
  };
  BOOST_TEST(!makes_anew([](Target&) {}));
  BOOST_TEST(makes_anew([](Target& target) { target.tunnel = 0; }));
  BOOST_TEST(makes_anew([](Target& target) { target.endpoints = {{ip("198.51.100.9")}}; }));
  BOOST_TEST(makes_anew([](Target& target) { target.own_marks = {MarkMatch{51820}}; }));
  BOOST_TEST(makes_anew([](Target& target) { target.marks_told = true; }));
}

BOOST_FIXTURE_TEST_CASE(a_plan_that_took_long_is_kept_for_a_second_while_changes_pour_in, Target) {
  // What was begun ten seconds ago has taken ten seconds.
  const auto begun = mono_now() - 10s;
  BOOST_TEST(!asks_about_injected(plan_at(begun, 1)));
  inject();
  BOOST_TEST(!asks_about_injected(plan_at(begun, 2)));
  BOOST_TEST(asks_about_injected(plan_at(mono_now() + 1s, 3)));
}

BOOST_FIXTURE_TEST_CASE(a_plan_that_took_long_is_not_kept_for_another_tunnel, Target) {
  const auto begun = mono_now() - 10s;
  BOOST_TEST(!asks_about_injected(plan_at(begun, 1)));
  inject();
  tunnel = 0;
  BOOST_TEST(asks_about_injected(plan_at(begun, 2)));
}

BOOST_FIXTURE_TEST_CASE(a_sampled_plan_asks_another_share_each_time_and_in_the_end_everything_was_asked, SampledTarget) {
  std::set<IpAddress> seen;
  std::size_t everything = 0;
  for (int round = 0; round < 3; ++round) {
    const auto& made = plan();
    everything = made.questions.size() + made.not_asked;
    const auto before = seen.size();
    for (const auto& question : made.questions) seen.insert(question.destination);
    // All but the addresses that stand for the whole Internet are new.
    BOOST_TEST(seen.size() >= before + made.questions.size() - (round == 0 ? 0 : public_addresses().size()), "round " << round);
  }
  BOOST_TEST(everything > 6000U);
  BOOST_TEST(seen.size() == everything);
}

BOOST_FIXTURE_TEST_CASE(a_way_outside_is_asked_for_in_every_plan_until_it_is_answered_otherwise, SampledTarget) {
  const auto& made = plan();
  const auto index = one_by_turn(made);
  const auto question = made.questions[index];
  planner.keep_asking({index});
  BOOST_TEST(positions(plan(), question).size() == 1U);
  planner.keep_asking({});
  BOOST_TEST(positions(plan(), question).empty());
}

BOOST_FIXTURE_TEST_CASE(a_kept_question_is_asked_once_although_it_was_reported_twice, SampledTarget) {
  const auto& made = plan();
  std::vector<std::size_t> reported{one_by_turn(made)};
  const auto question = made.questions[reported.front()];
  // Until its turn comes again: then it is asked by its turn and because it was kept.
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST_REQUIRE(reported.size() == 1U);
    planner.keep_asking(reported);
    reported = positions(plan(), question);
  }
  BOOST_TEST_REQUIRE(reported.size() == 2U);
  planner.keep_asking(reported);
  BOOST_TEST(positions(plan(), question).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_kept_question_stays_about_the_same_kind_of_packets, SampledTarget) {
  Rule rule;
  rule.uids = UidRange{1000, 1999};
  rule.table = RT_TABLE_MAIN;
  snapshot.rules = {rule};
  const auto& made = plan();
  const auto index = one_by_turn(made, 1000);
  const auto question = made.questions[index];
  planner.keep_asking({index});
  const auto& next = plan();
  const auto again = positions(next, question);
  BOOST_TEST_REQUIRE(again.size() == 1U);
  const auto& meaning = next.meanings[again.front()];
  BOOST_TEST(next.flows[meaning.flow].whom == "uid 1000-1999");
  BOOST_TEST(!meaning.representative);
}

BOOST_FIXTURE_TEST_CASE(nothing_is_kept_where_everything_is_asked_each_time, Target) {
  const auto all = everything_of(plan());
  planner.keep_asking(all);
  BOOST_TEST(plan(generation + 1).questions.size() == all.size());
}

BOOST_FIXTURE_TEST_CASE(no_more_than_64_questions_are_kept, SampledTarget) {
  SampledTarget without;
  (void)without.plan();
  planner.keep_asking(everything_of(plan()));
  BOOST_TEST(plan().questions.size() == without.plan().questions.size() + 64);
}

BOOST_AUTO_TEST_SUITE_END()
