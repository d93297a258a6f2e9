#include "hub/state/leases.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(leases)

using namespace vpn_sentinel;
using test::at;
using Ids = std::vector<std::string>;

BOOST_AUTO_TEST_CASE(a_grace_puts_off_the_alarm_and_not_the_end_of_the_lease) {
  Leases leases;
  leases.set("a", at(10));
  leases.grant("a", at(60));
  BOOST_TEST((leases.passed(at(10)) == Ids{"a"}));
  BOOST_TEST(leases.due(at(59)).empty());
  BOOST_TEST((leases.next_alarm() == at(60)));
  leases.set("a", at(20));
  BOOST_TEST((leases.due(at(60)) == Ids{"a"}));
  leases.set("a", at(90));
  BOOST_TEST((leases.next_alarm() == at(90)));
}

BOOST_AUTO_TEST_CASE(who_renews_counts_at_the_new_time_whether_it_is_later_or_earlier) {
  Leases leases;
  leases.set("a", at(10));
  leases.set("b", at(20));
  leases.set("c", at(15));
  leases.set("a", at(30));
  BOOST_TEST((leases.next_alarm() == at(15)));
  BOOST_TEST((leases.due(at(25)) == Ids{"c", "b"}));
  BOOST_TEST((leases.passed(at(30)) == Ids{"c", "b", "a"}));
  leases.set("c", at(60));
  leases.erase("b");
  BOOST_TEST((leases.next_alarm() == at(30)));
  leases.set("c", at(5));
  BOOST_TEST((leases.next_alarm() == at(5)));
  leases.set("c", at(50));
  BOOST_TEST((leases.due(at(40)) == Ids{"a"}));
  leases.erase("c");
  leases.erase("a");
  BOOST_TEST(leases.passed(at(100)).empty());
}

BOOST_AUTO_TEST_CASE(who_was_heard_has_no_grace_any_more) {
  Leases leases;
  leases.set("a", at(10));
  leases.grant("a", at(60));
  leases.heard("a");
  BOOST_TEST((leases.due(at(10)) == Ids{"a"}));
  BOOST_TEST(!leases.grace("a").has_value());
}

BOOST_AUTO_TEST_CASE(who_has_no_lease_gets_no_grace_and_is_never_due) {
  Leases leases;
  leases.grant("a", at(60));
  leases.heard("a");
  leases.set("b", at(10));
  leases.erase("b");
  BOOST_TEST(!leases.next_alarm().has_value());
  BOOST_TEST(leases.passed(at(1000)).empty());
}

BOOST_AUTO_TEST_SUITE_END()
