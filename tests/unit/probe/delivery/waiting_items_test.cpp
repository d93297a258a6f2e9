#include "probe/delivery/waiting_items.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using Ids = std::vector<WaitingItems::Id>;

BOOST_AUTO_TEST_SUITE(waiting_items)

BOOST_AUTO_TEST_CASE(each_client_gets_its_own_items_in_order) {
  WaitingItems items(100);
  items.add(1, change(1));
  items.add(2, change(7, "b"));
  items.add(3, keepalive(2));
  items.add(4, change(3));
  BOOST_TEST(seq_of(items.front("a")) == "1");
  BOOST_TEST(seq_of(items.front_change("a")) == "1");
  BOOST_TEST(seq_of(items.keepalive("a")) == "2");
  BOOST_TEST(seq_of(items.front("b")) == "7");
  BOOST_TEST(seq_of(items.front("c")) == "-");
  BOOST_TEST((items.clients() == std::vector<std::string>{"a", "b"}));
  BOOST_TEST((items.remove("a", "b1", 1) == std::optional<WaitingItems::Id>(1)));
  BOOST_TEST(seq_of(items.front("a")) == "2");
  BOOST_TEST(seq_of(items.front_change("a")) == "3");
}

BOOST_AUTO_TEST_CASE(only_the_newest_keepalive_of_a_client_is_kept_and_every_change) {
  WaitingItems items(100);
  BOOST_TEST(items.add(1, keepalive(1)).empty());
  BOOST_TEST(items.add(2, keepalive(1, "b")).empty());
  BOOST_TEST(items.add(3, change(2)).empty());
  BOOST_TEST((items.add(4, keepalive(3)) == Ids{1}));
  BOOST_TEST(items.add(5, change(4)).empty());
  BOOST_TEST(items.all().size() == 4U);
  BOOST_TEST(seq_of(items.keepalive("a")) == "3");
  BOOST_TEST(items.dropped() == 0U);  // superseded is not lost
}

BOOST_AUTO_TEST_CASE(a_replaced_keepalive_cannot_be_removed_any_more_and_does_not_take_its_successor_along) {
  WaitingItems items(100);
  items.add(1, keepalive(1));
  items.add(2, keepalive(2));
  BOOST_TEST(!items.remove("a", "b1", 1).has_value());
  BOOST_TEST(seq_of(items.keepalive("a")) == "2");
}

BOOST_AUTO_TEST_CASE(boot_id_and_seq_together_name_an_item) {
  WaitingItems items(100);
  auto earlier = change(1);
  earlier.report.boot_id = "b0";
  items.add(1, earlier);
  items.add(2, change(1));
  BOOST_TEST((items.remove("a", "b1", 1) == std::optional<WaitingItems::Id>(2)));
  BOOST_TEST(!items.remove("a", "b1", 1).has_value());
  BOOST_TEST(!items.remove("x", "b0", 1).has_value());
  BOOST_TEST((items.remove("a", "b0", 1) == std::optional<WaitingItems::Id>(1)));
  BOOST_TEST(items.clients().empty());
}

BOOST_AUTO_TEST_CASE(a_full_box_gives_up_the_oldest_keepalive_first_and_then_the_oldest_change) {
  WaitingItems items(3);
  items.add(1, change(1));
  items.add(2, keepalive(2, "b"));
  items.add(3, keepalive(3, "c"));
  BOOST_TEST((items.add(4, change(4)) == Ids{2}));
  BOOST_TEST((items.add(5, change(5)) == Ids{3}));
  BOOST_TEST((items.add(6, change(6)) == Ids{1}));
  BOOST_TEST((items.add(7, keepalive(7)) == Ids{7}));  // less worth than any change
  BOOST_TEST(items.dropped() == 4U);
  BOOST_TEST(items.all().size() == 3U);
  BOOST_TEST(seq_of(items.front("a")) == "4");
  BOOST_TEST(seq_of(items.keepalive("a")) == "-");
  BOOST_TEST((items.clients() == std::vector<std::string>{"a"}));
}

BOOST_AUTO_TEST_SUITE_END()
