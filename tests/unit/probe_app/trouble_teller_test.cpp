#include "probe/app/trouble_teller.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using News = TroubleTeller::News;

BOOST_AUTO_TEST_SUITE(trouble_teller)

BOOST_AUTO_TEST_CASE(a_trouble_is_told_once_and_its_end_too) {
  TroubleTeller teller;
  BOOST_TEST(!teller.look(std::nullopt).has_value());
  BOOST_TEST((teller.look("disk full") == News{"disk full"}));
  BOOST_TEST(!teller.look("disk full").has_value());
  BOOST_TEST((teller.look("I/O error") == News{"I/O error"}));
  BOOST_TEST(!teller.look("disk full").has_value());
  BOOST_TEST((teller.look(std::nullopt) == News{}));
  BOOST_TEST(!teller.look(std::nullopt).has_value());
  BOOST_TEST((teller.look("disk full") == News{"disk full"}));
}

BOOST_AUTO_TEST_CASE(a_trouble_that_changes_its_words_all_the_time_fills_no_log) {
  TroubleTeller teller;
  int told = 0;
  for (int i = 0; i < 100; ++i) told += teller.look("page " + std::to_string(i)).has_value() ? 1 : 0;
  BOOST_TEST(told == 8);
  BOOST_TEST((teller.look(std::nullopt) == News{}));
}

BOOST_AUTO_TEST_SUITE_END()
