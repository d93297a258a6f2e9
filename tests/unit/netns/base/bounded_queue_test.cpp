#include "netns/base/bounded_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <thread>

using vpn_sentinel::BoundedQueue;

BOOST_AUTO_TEST_SUITE(bounded_queue)

BOOST_AUTO_TEST_CASE(items_come_out_in_the_order_in_which_they_went_in) {
  BoundedQueue<int> queue{3};
  BOOST_TEST(queue.try_push(1));
  BOOST_TEST(queue.try_push(2));
  const std::vector expected{1, 2};
  BOOST_TEST(queue.take_all() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_and_counts) {
  BoundedQueue<int> queue{1};
  BOOST_TEST(queue.try_push(1));
  BOOST_TEST(!queue.try_push(2));
  BOOST_TEST(!queue.try_push(3));
  BOOST_TEST(queue.dropped() == 2U);
  queue.take_all();
  BOOST_TEST(queue.try_push(4));
}

BOOST_AUTO_TEST_CASE(after_close_the_reader_gets_the_rest_and_then_nothing) {
  BoundedQueue<std::unique_ptr<int>> queue{2};
  BOOST_TEST(queue.try_push(std::make_unique<int>(1)));
  queue.close();
  BOOST_TEST(!queue.try_push(std::make_unique<int>(2)));
  BOOST_TEST(queue.take_all().size() == 1U);
  BOOST_TEST(queue.take_all().empty());
  BOOST_TEST(queue.dropped() == 0U);
}

BOOST_AUTO_TEST_CASE(a_waiting_reader_gets_everything_from_several_writers) {
  constexpr int writers = 4;
  constexpr int each = 500;
  BoundedQueue<int> queue{writers * each};
  long sum = 0;
  std::jthread reader([&] {
    for (auto items = queue.take_all(); !items.empty(); items = queue.take_all()) {
      for (const auto item : items) sum += item;
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < writers; ++w) {
      threads.emplace_back([&] {
        for (int i = 1; i <= each; ++i) queue.try_push(i);
      });
    }
  }
  queue.close();
  reader.join();
  BOOST_TEST(sum == writers * each * (each + 1) / 2);
}

BOOST_AUTO_TEST_SUITE_END()
