#include "probe/delivery/waiting_items.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using Ids = std::vector<WaitingItems::Id>;

BOOST_AUTO_TEST_SUITE(waiting_items)

BOOST_AUTO_TEST_CASE(each_client_gets_its_own_items_in_order) {
  WaitingItems items({100});
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
  WaitingItems items({100});
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
  WaitingItems items({100});
  items.add(1, keepalive(1));
  items.add(2, keepalive(2));
  BOOST_TEST(!items.remove("a", "b1", 1).has_value());
  BOOST_TEST(seq_of(items.keepalive("a")) == "2");
}

BOOST_AUTO_TEST_CASE(boot_id_and_seq_together_name_an_item) {
  WaitingItems items({100});
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
  WaitingItems items({3});
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

BOOST_AUTO_TEST_CASE(what_waits_is_bounded_in_bytes_too) {
  WaitingItems items({100, 1000});
  const auto sized = [](OutboxItem item, std::size_t bytes) {
    item.bytes = bytes;
    return item;
  };
  items.add(1, sized(change(1), 400));
  items.add(2, sized(keepalive(2), 300));
  items.add(3, sized(change(3), 300));
  BOOST_TEST((items.add(4, sized(keepalive(4), 250)) == Ids{2}));  // superseded: the bytes are free again
  BOOST_TEST((items.add(5, sized(change(5), 250)) == Ids{4}));
  BOOST_TEST((items.add(6, sized(change(6), 300)) == Ids{1}));
  BOOST_TEST((items.remove("a", "b1", 3) == std::optional<WaitingItems::Id>(3)));
  BOOST_TEST(items.add(7, sized(change(7), 450)).empty());
  BOOST_TEST((items.add(8, sized(change(8), 1001)) == Ids{5, 6, 7, 8}));
  BOOST_TEST(items.dropped() == 6U);
  BOOST_TEST(items.add(9, sized(change(9), 1000)).empty());
}

BOOST_AUTO_TEST_CASE(what_is_too_old_goes_and_is_counted) {
  WaitingItems items({100, 1000, std::chrono::seconds{60}});
  const MonoTime start{};
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    auto item = change(seq);
    item.since = start + std::chrono::seconds{seq};
    items.add(seq, item);
  }
  BOOST_TEST(items.expire(start + std::chrono::seconds{61}).empty());
  BOOST_TEST((items.expire(start + std::chrono::seconds{63}) == Ids{1, 2}));
  BOOST_TEST(items.dropped() == 2U);
  BOOST_TEST(seq_of(items.front("a")) == "3");
}

BOOST_AUTO_TEST_CASE(a_batch_of_changes_is_bounded_by_number_and_bytes_and_has_one_at_least) {
  WaitingItems items({});
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    auto item = change(seq);
    item.bytes = 100;
    items.add(seq, item);
  }
  items.add(6, keepalive(6));
  const auto seqs = [&](std::size_t most, std::size_t bytes) {
    std::string text;
    for (const auto* const item : items.front_changes("a", most, bytes)) text += seq_of(item);
    return text;
  };
  BOOST_TEST(seqs(10, 10'000) == "12345");
  BOOST_TEST(seqs(3, 10'000) == "123");
  BOOST_TEST(seqs(10, 299) == "12");
  BOOST_TEST(seqs(10, 10) == "1");
  BOOST_TEST(items.front_changes("b", 10, 10).empty());
}

BOOST_AUTO_TEST_SUITE_END()
