#include "netns/monitor/snapshot.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(snapshot)

BOOST_AUTO_TEST_CASE(a_link_is_found_by_index_and_by_name) {
  Snapshot snapshot;
  snapshot.links.resize(2);
  snapshot.links[0].index = 1;
  snapshot.links[0].name = "lo";
  snapshot.links[1].index = 7;
  snapshot.links[1].name = "wg0";
  BOOST_TEST(snapshot.find_link(7) == &snapshot.links[1]);
  BOOST_TEST(snapshot.find_link("lo") == &snapshot.links[0]);
  BOOST_TEST(snapshot.find_link(2) == nullptr);
  BOOST_TEST(snapshot.find_link("wg") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
