#include "netns/netlink/values.hpp"

#include <linux/if.h>

#include <boost/test/unit_test.hpp>

using vpn_sentinel::Link;

BOOST_AUTO_TEST_SUITE(values)

BOOST_AUTO_TEST_CASE(up_is_the_switch_of_the_administrator_and_not_the_carrier) {
  Link link;
  link.flags = static_cast<unsigned>(IFF_RUNNING) | static_cast<unsigned>(IFF_LOWER_UP);
  BOOST_TEST(!link.is_up());
  link.flags = IFF_UP;
  BOOST_TEST(link.is_up());
}

BOOST_AUTO_TEST_CASE(loopback_is_told_by_its_flag_and_not_by_its_name) {
  Link link;
  link.name = "lo";
  BOOST_TEST(!link.is_loopback());
  link.flags = IFF_LOOPBACK;
  BOOST_TEST(link.is_loopback());
}

BOOST_AUTO_TEST_SUITE_END()
