#include <boost/test/unit_test.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "probe/checks/liveness.hpp"

using namespace vpn_sentinel;

namespace {

constexpr MonoTime start{std::chrono::hours{1}};
MonoTime at(int second) { return start + std::chrono::seconds{second}; }

char letter(Life life) { return life == Life::alive ? 'a' : life == Life::stalled ? 's' : 'u'; }

/// One event a second. a: answer, t: time-out, r: time-out while rx grew, d: rx fell (new device), ?: rx not known.
std::string play(std::string_view events, LivenessLimits limits = {}) {
  LivenessStreak streak(limits);
  std::string states;
  int second = 0;
  for (const char event : events) {
    const auto asked = at(++second);
    switch (event) {
      case 'a':
        states += letter(streak.answered(asked));
        break;
      case 'r':
        states += letter(streak.timed_out(asked, 100, 101));
        break;
      case 'd':
        states += letter(streak.timed_out(asked, 100, 5));
        break;
      case '?':
        states += letter(streak.timed_out(asked, std::nullopt, 101));
        break;
      default:
        states += letter(streak.timed_out(asked, 100, 100));
    }
  }
  return states;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(liveness_streak)

BOOST_AUTO_TEST_CASE(rows_of_events_give_these_states) {
  struct Row {
    const char* what;
    const char* events;
    const char* states;
    LivenessLimits limits;
  };
  const Row rows[] = {
      {"an answer is life", "a", "a", {}},
      {"two failures are not enough", "att", "aaa", {}},
      {"three in a row stall", "attt", "aaas", {}},
      {"an answer between starts anew", "attattt", "aaaaaas", {}},
      {"an answer revives at once", "attta", "aaasa", {}},
      {"never answered: unknown, then stalled", "ttt", "uus", {}},
      {"stalled stays stalled", "ttttt", "uusss", {}},
      {"growing rx excuses", "arrrrr", "aaaaaa", {}},
      {"growing rx revives nothing", "atttr", "aaass", {}},
      {"excuses do not clear failures", "attrt", "aaaas", {}},
      {"a device made anew does not excuse", "addd", "aaas", {}},
      {"an unknown counter does not excuse", "a???", "aaas", {}},
      {"ten excuses, then failures", "arrrrrrrrrrrrr", "aaaaaaaaaaaaas", {}},
      {"one failure is enough when so set", "at", "as", {.failures = 1}},
      {"zero counts as one", "at", "as", {.failures = 0}},
      {"no excuses when so set", "arrr", "aaas", {.neutral = 0}},
  };
  for (const auto& row : rows) BOOST_TEST(play(row.events, row.limits) == row.states, row.what);
}

BOOST_AUTO_TEST_CASE(the_first_unanswered_question_tells_since_when) {
  LivenessStreak streak;
  streak.answered(at(1));
  BOOST_TEST(!streak.failing_since().has_value());
  for (int second : {2, 3, 4}) streak.timed_out(at(second), 1, 1);
  BOOST_TEST((streak.state() == Life::stalled));
  BOOST_TEST((streak.failing_since() == at(2)));
  BOOST_TEST(streak.failures() == 3U);
  streak.answered(at(5));
  BOOST_TEST(!streak.failing_since().has_value());
}

BOOST_AUTO_TEST_CASE(a_time_out_that_was_overtaken_by_an_answer_is_nothing) {
  LivenessStreak streak({.failures = 1});
  streak.answered(at(10));
  BOOST_TEST((streak.timed_out(at(9), 1, 1) == Life::alive));
  BOOST_TEST(streak.failures() == 0U);
  BOOST_TEST((streak.timed_out(at(11), 1, 1) == Life::stalled));
}

BOOST_AUTO_TEST_CASE(a_reset_forgets_all_but_the_limits) {
  LivenessStreak streak({.failures = 1});
  streak.answered(at(1));
  streak.timed_out(at(2), 1, 1);
  BOOST_TEST(streak.ever_answered());
  streak.reset();
  BOOST_TEST((streak.state() == Life::unknown));
  BOOST_TEST(!streak.ever_answered());
  BOOST_TEST((streak.timed_out(at(3), 1, 1) == Life::stalled));
}

BOOST_AUTO_TEST_SUITE_END()
