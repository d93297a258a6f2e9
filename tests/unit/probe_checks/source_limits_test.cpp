#include "probe/checks/source_limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  MonoTime now = MonoTime{} + 1000h;
  SourceLimits limits;
  bool may_ask(const std::string& host = "a.test") const { return !limits.rests_for(host, now); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(source_limits, Fixture)

BOOST_AUTO_TEST_CASE(a_service_is_left_alone_for_as_long_as_it_said) {
  BOOST_TEST(may_ask());
  limits.limited("a.test", 90s, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 90s));
  BOOST_TEST(may_ask("b.test"));
  now += 89s;
  BOOST_TEST(!may_ask());
  now += 1s;
  BOOST_TEST(may_ask());
}

BOOST_AUTO_TEST_CASE(one_that_does_not_say_rests_longer_each_time_until_it_answers) {
  for (const auto expected : {5min, 10min, 20min, 40min}) {
    limits.limited("a.test", {}, now);
    BOOST_TEST((limits.rests_for("a.test", now) == expected));
  }
  for (int i = 0; i < 100; ++i) limits.limited("a.test", {}, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 24h));
  limits.answered("a.test", {}, now);
  BOOST_TEST(may_ask());
  limits.limited("a.test", {}, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 5min));
}

BOOST_AUTO_TEST_CASE(what_a_service_says_is_believed_within_bounds) {
  limits.limited("a.test", 0s, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 30s));
  limits.limited("a.test", std::chrono::seconds{UINT32_MAX}, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 24h));
}

BOOST_AUTO_TEST_CASE(an_answer_may_be_the_last_for_a_while) {
  limits.answered("a.test", 17s, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 17s));
  limits.answered("a.test", {}, now);
  BOOST_TEST(may_ask());
}

BOOST_AUTO_TEST_CASE(with_another_exit_nobody_rests_for_longer_than_half_a_minute) {
  limits.limited("a.test", 24h, now);
  limits.answered("b.test", 10s, now);
  limits.shorten(now);
  BOOST_TEST((limits.rests_for("a.test", now) == 30s));
  BOOST_TEST((limits.rests_for("b.test", now) == 10s));
  limits.limited("a.test", {}, now);
  BOOST_TEST((limits.rests_for("a.test", now) == 5min));
}

BOOST_AUTO_TEST_SUITE_END()
