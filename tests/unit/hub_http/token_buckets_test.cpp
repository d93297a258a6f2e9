#include "hub/http/token_buckets.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

namespace vpn_sentinel {
namespace {

using std::chrono::seconds;

constexpr TokenBuckets::Pace one_per_second{seconds{1}, 3};
const MonoTime start = MonoTime{} + std::chrono::hours{1};

BucketKey address(std::string_view text) { return bucket_of(IpAddress::parse(text).value()); }

BOOST_AUTO_TEST_SUITE(token_buckets)

BOOST_AUTO_TEST_CASE(a_full_bucket_is_spent_at_once_and_fills_at_its_pace) {
  TokenBuckets buckets(16);
  const auto who = address("192.0.2.7");
  for (int i = 0; i < 3; ++i) BOOST_TEST(!buckets.take(who, one_per_second, 1, 0, start).has_value());
  BOOST_TEST((buckets.take(who, one_per_second, 1, 0, start) == seconds{1}));
  BOOST_TEST((buckets.take(who, one_per_second, 2, 0, start) == seconds{2}));
  BOOST_TEST((buckets.wait(who, one_per_second, start) == seconds{1}));
  BOOST_TEST(!buckets.take(who, one_per_second, 1, 0, start + seconds{1}).has_value());
  BOOST_TEST(buckets.take(who, one_per_second, 1, 0, start + seconds{1}).has_value());
  for (int i = 0; i < 3; ++i) BOOST_TEST(!buckets.take(who, one_per_second, 1, 0, start + seconds{1000}).has_value());
  BOOST_TEST(buckets.take(who, one_per_second, 1, 0, start + seconds{1000}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_refused_takes_nothing_and_what_is_only_asked_neither) {
  TokenBuckets buckets(16);
  const auto who = address("192.0.2.7");
  BOOST_TEST(!buckets.take(who, one_per_second, 2, 0, start).has_value());
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(buckets.take(who, one_per_second, 2, 0, start).has_value());
    BOOST_TEST(!buckets.wait(who, one_per_second, start).has_value());
  }
  BOOST_TEST(!buckets.take(who, one_per_second, 1, 0, start).has_value());
}

BOOST_AUTO_TEST_CASE(a_reserve_is_left_and_more_than_a_bucket_costs_a_bucket) {
  TokenBuckets buckets(16);
  const auto who = address("192.0.2.7");
  BOOST_TEST(!buckets.take(who, one_per_second, 1000, 1, start).has_value());
  BOOST_TEST((buckets.take(who, one_per_second, 1000, 1, start) == seconds{2}));
  BOOST_TEST(!buckets.take(who, one_per_second, 1, 0, start).has_value());
  BOOST_TEST(buckets.take(who, one_per_second, 1, 0, start).has_value());
}

BOOST_AUTO_TEST_CASE(ipv6_counts_by_its_64_and_families_and_names_apart) {
  BOOST_TEST((address("2001:db8::1") == address("2001:db8::ffff:1")));
  BOOST_TEST(!(address("2001:db8::1") == address("2001:db8:0:1::1")));
  BOOST_TEST(!(address("192.0.2.1") == address("192.0.2.2")));
  BOOST_TEST(!(address("::192.0.2.1") == address("192.0.2.1")));
  BOOST_TEST(!(bucket_of(std::string_view("a")) == bucket_of(std::string_view("b"))));
}

BOOST_AUTO_TEST_CASE(a_million_addresses_cost_no_memory_and_the_one_that_asks_most_is_not_forgotten) {
  TokenBuckets buckets(1024);
  constexpr TokenBuckets::Pace wide{seconds{1}, 100};
  const auto busy = address("192.0.2.7");
  for (int i = 0; i < 100; ++i) static_cast<void>(buckets.take(busy, wide, 1, 0, start));
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    static_cast<void>(buckets.take({0x0a000000ULL + i, 4}, wide, 1, 0, start + std::chrono::microseconds{i}));
  }
  BOOST_TEST(buckets.take(busy, wide, 100, 0, start + seconds{1}).has_value());
}

BOOST_AUTO_TEST_CASE(threads_together_take_exactly_what_there_is) {
  TokenBuckets buckets(16);
  constexpr TokenBuckets::Pace thousand{seconds{1}, 1000};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += buckets.take(address("192.0.2.7"), thousand, 1, 0, start) ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(taken == 1000);
}

BOOST_AUTO_TEST_CASE(what_is_cleared_is_full_again) {
  TokenBuckets buckets(16);
  static_cast<void>(buckets.take(address("192.0.2.7"), one_per_second, 3, 0, start));
  buckets.clear();
  BOOST_TEST(!buckets.take(address("192.0.2.7"), one_per_second, 3, 0, start).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
