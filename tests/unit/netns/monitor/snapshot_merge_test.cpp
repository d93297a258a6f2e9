// What a dump of a namespace brings whose owner wants to stop the loop that serves all namespaces: very many addresses and rules.
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "netns/monitor/snapshot_store.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

Payload address(std::uint32_t number, std::uint32_t flags = 0) {
  const auto bytes = bytes_of({198, 18 + number / 65536, number / 256 % 256, number % 256});
  return Payload{ifaddrmsg{AF_INET, 32, 0, 0, 2}}.add(IFA_LOCAL, bytes).add(IFA_FLAGS, flags);
}

Payload rule(std::uint32_t priority) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  return Payload{header}.add(FRA_PRIORITY, priority).add(FRA_TABLE, std::uint32_t{7});
}

void insert(SnapshotStore& store, DumpKind kind, std::uint16_t type, const Payload& payload) {
  store.insert(kind, {type, NLM_F_MULTI, 0, 0, payload});
}

/// Numbers from `first` on, upwards or downwards.
SnapshotStore addresses(std::uint32_t first, std::uint32_t count, bool upwards = true) {
  SnapshotStore store;
  for (std::uint32_t i = 0; i < count; ++i)
    insert(store, DumpKind::addresses, RTM_NEWADDR, address(upwards ? first + i : first + count - 1 - i));
  return store;
}

SnapshotStore rules(std::uint32_t first, std::uint32_t count) {
  SnapshotStore store;
  for (std::uint32_t i = 0; i < count; ++i) insert(store, DumpKind::rules_v4, RTM_NEWRULE, rule(first + i));
  return store;
}

Burst adopt(SnapshotStore& store, DumpKind kind, SnapshotStore fresh) {
  Burst burst;
  store.adopt(kind, std::move(fresh), burst);
  return burst;
}

/// What this thread has used of a processor, in nanoseconds: what others do meanwhile costs it nothing.
double thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Nanoseconds that a merge takes for which nothing stays the same and everything stands in another order.
double merge_time(std::uint32_t count) {
  const auto begin = thread_time();
  SnapshotStore store;
  (void)adopt(store, DumpKind::addresses, addresses(0, count));
  (void)adopt(store, DumpKind::addresses, addresses(1, count, false));
  (void)adopt(store, DumpKind::rules_v4, rules(0, count));
  (void)adopt(store, DumpKind::rules_v4, rules(1, count));
  return thread_time() - begin;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_merge)

BOOST_AUTO_TEST_CASE(the_order_of_addresses_is_no_change_and_the_first_difference_is_told) {
  SnapshotStore store;
  BOOST_TEST(adopt(store, DumpKind::addresses, addresses(0, 3)).changed);
  BOOST_TEST(!adopt(store, DumpKind::addresses, addresses(0, 3, false)).changed);
  BOOST_TEST(adopt(store, DumpKind::addresses, addresses(0, 4)).cause == "address 198.18.0.3/32 of #2 found");
  BOOST_TEST(adopt(store, DumpKind::addresses, addresses(1, 3)).cause == "address 198.18.0.0/32 of #2 gone");
  BOOST_TEST(store.snapshot().addresses.size() == 3U);
  BOOST_TEST(adopt(store, DumpKind::addresses, {}).changed);
  BOOST_TEST(store.snapshot().addresses.empty());
}

BOOST_AUTO_TEST_CASE(addresses_that_differ_only_in_their_peer_are_one_and_the_last_stays) {
  SnapshotStore fresh;
  insert(fresh, DumpKind::addresses, RTM_NEWADDR, address(1, IFA_F_PERMANENT));
  insert(fresh, DumpKind::addresses, RTM_NEWADDR, address(2));
  insert(fresh, DumpKind::addresses, RTM_NEWADDR, address(1, IFA_F_NOPREFIXROUTE));
  SnapshotStore store;
  (void)adopt(store, DumpKind::addresses, fresh);
  BOOST_TEST_REQUIRE(store.snapshot().addresses.size() == 2U);
  BOOST_TEST(store.snapshot().addresses[1].flags == std::uint32_t{IFA_F_NOPREFIXROUTE});
  BOOST_TEST(!adopt(store, DumpKind::addresses, fresh).changed);
}

BOOST_AUTO_TEST_CASE(ten_times_as_many_take_about_ten_times_as_long) {
  const auto few = std::min({merge_time(2'000), merge_time(2'000), merge_time(2'000)});
  const auto many = std::min(merge_time(20'000), merge_time(20'000));
  BOOST_TEST_MESSAGE("2,000: " << few / 1e6 << " ms, 20,000: " << many / 1e6 << " ms");
  // A quadratic merge takes a hundred times as long.
  BOOST_TEST(many < 40 * few);
}

BOOST_AUTO_TEST_SUITE_END()
