#include "probe/checks/liveness_streak.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>
#include <string_view>

using namespace vpn_sentinel;

namespace {

MonoTime at(int second) { return MonoTime{std::chrono::hours{1}} + std::chrono::seconds{second}; }

char letter(LivenessStreak::View view) {
  switch (view) {
    case LivenessStreak::View::alive:
      return 'a';
    case LivenessStreak::View::stalled:
      return 's';
    default:
      return 'w';
  }
}

/// One event a second. a: answer, t: time-out, r: time-out while packets came in.
std::string play(std::string_view events, int failures) {
  LivenessStreak streak(failures);
  std::string views;
  int second = 0;
  for (const char event : events) {
    ++second;
    if (event == 'a') {
      streak.answered(at(second));
    } else {
      streak.timed_out(event == 'r');
    }
    views += letter(streak.view());
  }
  return views;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(liveness_streak)

BOOST_AUTO_TEST_CASE(rows_of_events_give_these_views) {
  struct Row {
    const char* what;
    const char* events;
    const char* views;
    int failures = 3;
  };
  const Row rows[] = {
      {"an answer is life", "a", "a"},
      {"two failures are not enough", "att", "aaa"},
      {"three in a row stall", "attt", "aaas"},
      {"an answer between starts anew", "attattt", "aaaaaas"},
      {"an answer revives at once", "attta", "aaasa"},
      {"never answered: waiting, then stalled", "ttt", "wws"},
      {"stalled stays stalled", "ttttt", "wwsss"},
      {"packets that come in excuse", "arrrrr", "aaaaaa"},
      {"packets revive nothing", "atttrrr", "aaassss"},
      {"packets before the first answer excuse nothing", "rrr", "wws"},
      {"excuses do not clear failures", "attrt", "aaaas"},
      {"ten excuses, then failures", "arrrrrrrrrrrrr", "aaaaaaaaaaaaas"},
      {"an answer grants ten new excuses", "arrrrrrrrrrarrrrrrrrrr", "aaaaaaaaaaaaaaaaaaaaaa"},
      {"one failure is enough when so set", "at", "as", 1},
  };
  for (const auto& row : rows) BOOST_TEST(play(row.events, row.failures) == row.views, row.what);
}

BOOST_AUTO_TEST_CASE(the_last_answer_is_remembered_through_failures) {
  LivenessStreak streak(3);
  streak.answered(at(1));
  streak.answered(at(2));
  for (int i = 0; i < 5; ++i) streak.timed_out(false);
  BOOST_TEST((streak.last_answer() == at(2)));
}

BOOST_AUTO_TEST_SUITE_END()
