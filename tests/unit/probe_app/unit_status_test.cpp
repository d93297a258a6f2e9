#include "probe/app/unit_status.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(unit_status_line)

BOOST_AUTO_TEST_CASE(the_worst_comes_first_and_is_named) {
  BOOST_TEST(unit_status(4, {{"a", State::secure}, {"b", State::danger}, {"c", State::secure}, {"d", State::contained}}) ==
             "4 targets: 1 danger (b), 1 contained (d), 2 secure");
}

BOOST_AUTO_TEST_CASE(who_has_not_been_judged_is_never_counted_as_fine) {
  BOOST_TEST(unit_status(1, {}) == "1 target: 1 not judged yet");
  BOOST_TEST(unit_status(2, {{"a", State::secure}}) == "2 targets: 1 secure, 1 not judged yet");
  BOOST_TEST(unit_status(0, {}) == "0 targets");
}

BOOST_AUTO_TEST_CASE(of_many_names_eight_are_told_and_all_are_counted) {
  std::vector<std::pair<std::string, State>> states;
  for (char name = 'a'; name < 'm'; ++name) states.emplace_back(std::string(1, name), State::danger);
  BOOST_TEST(unit_status(12, states) == "12 targets: 12 danger (a, b, c, d, e, f, g, h)");
}

BOOST_AUTO_TEST_SUITE_END()
