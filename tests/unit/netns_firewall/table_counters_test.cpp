#include "netns/firewall/table_counters.hpp"

#include <boost/test/unit_test.hpp>

#include "netns/firewall/leak_rules.hpp"

using namespace vpn_sentinel;

namespace {

LeakCounters counted(std::uint64_t packets) {
  LeakCounters counters;
  counters.v4 = {packets, packets * 100};
  counters.local = {packets, packets};
  counters.destinations = {{IpAddress::parse("203.0.113.1").value(), 17, 80, 1000U, {packets, packets * 100}}};
  return counters;
}

const MonoTime start{std::chrono::hours{1}};

}  // namespace

BOOST_AUTO_TEST_SUITE(table_counters)

BOOST_AUTO_TEST_CASE(two_tables_are_added_up_and_read_again_without_adding) {
  TableCounters tally;
  for (int i = 0; i < 3; ++i) {
    tally.take(0, counted(5));
    tally.take(1, counted(2));
  }
  BOOST_TEST((tally.total(false, start).v4 == Traffic{7, 700}));
  BOOST_TEST((tally.total(true, start).local == Traffic{5, 5}));
}

BOOST_AUTO_TEST_CASE(a_number_that_fell_began_anew) {
  TableCounters tally;
  tally.take(0, counted(5));
  tally.take(0, counted(1));
  BOOST_TEST(tally.total(false, start).v4.packets == 6U);
  tally.take(0, counted(3));
  BOOST_TEST(tally.total(false, start).v4.packets == 8U);
}

BOOST_AUTO_TEST_CASE(tables_that_are_made_anew_lose_nothing_and_destinations_stay_as_long_as_the_kernel_keeps_them) {
  TableCounters tally;
  tally.take(0, counted(5));
  tally.restart(start);
  tally.restart(start);
  BOOST_TEST(tally.total(false, start).v4.packets == 5U);
  tally.take(0, counted(2));
  const auto total = tally.total(false, start);
  BOOST_TEST(total.v4.packets == 7U);
  BOOST_TEST_REQUIRE(total.destinations.size() == 1U);
  BOOST_TEST(total.destinations[0].traffic.packets == 7U);
  BOOST_TEST(tally.total(false, start + seen_timeout + std::chrono::seconds{1}).destinations[0].traffic.packets == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
