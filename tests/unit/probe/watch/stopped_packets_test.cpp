#include "probe/watch/stopped_packets.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

/// `all` packets of 10 bytes, of which `canaries` are still known to be some.
LeakCounters counted(std::uint64_t all, std::uint64_t canaries) {
  LeakCounters counters;
  counters.v4 = {all, all * 10};
  const auto canary = canary_destination(Family::v4);
  if (canaries > 0) counters.destinations.push_back({canary.address, IPPROTO_UDP, canary.port, 0, {canaries, canaries * 10}});
  counters.destinations.push_back({IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 53, 0, {all - canaries, 10}});
  return counters;
}

std::vector<CanaryReport> held(std::uint64_t packets) {
  return {{"eth0", Family::v4, CanaryOutcome::held, false, {packets, packets * 10}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stopped_packets)

BOOST_AUTO_TEST_CASE(canaries_are_not_among_what_was_stopped_whoever_sent_them) {
  StoppedPackets stopped;
  BOOST_TEST(!stopped.take(counted(2, 2)));
  BOOST_TEST(stopped.take(counted(5, 4)));
  BOOST_TEST(!stopped.take(counted(6, 5)));
  BOOST_TEST(stopped.sum().packets == 1U);
  BOOST_TEST(stopped.sum().bytes == 10U);
}

BOOST_AUTO_TEST_CASE(canaries_that_the_tables_have_forgotten_do_not_become_stopped_packets) {
  StoppedPackets stopped;
  BOOST_TEST(!stopped.take(counted(100, 100)));
  stopped.note(held(2));
  BOOST_TEST(!stopped.take(counted(102, 2)));
  stopped.note(held(2));
  BOOST_TEST(!stopped.take(counted(104, 4)));
  BOOST_TEST(!stopped.take(counted(104, 0)));
  stopped.note(held(2));
  BOOST_TEST(stopped.take(counted(107, 2)));
  BOOST_TEST(stopped.sum().packets == 1U);
}

BOOST_AUTO_TEST_CASE(what_other_tables_count_from_nothing_comes_on_top) {
  StoppedPackets stopped;
  BOOST_TEST(stopped.take(counted(10, 4)));
  BOOST_TEST(stopped.take(counted(3, 2)));
  BOOST_TEST(stopped.sum().packets == 7U);
  stopped.restart();
  BOOST_TEST(stopped.sum().packets == 0U);
  BOOST_TEST(stopped.take(counted(3, 2)));
}

BOOST_AUTO_TEST_SUITE_END()
