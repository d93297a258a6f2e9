#include "netns/base/public_address.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_CASE(an_address_is_public_when_somebody_on_the_internet_can_see_it) {
  for (const auto* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "169.253.0.1", "172.15.0.1",
                           "172.32.0.1", "192.167.0.1", "198.18.0.80", "203.0.113.1", "223.255.255.255", "2001:db8::1", "3fff::1"}) {
    BOOST_TEST(is_public_address(IpAddress::parse(text).value()), text);
  }
  for (const auto* text : {"0.0.0.0",    "0.1.2.3",        "10.0.0.1",    "100.64.0.1", "100.127.255.255", "127.0.0.1",       "169.254.1.1",
                           "172.16.0.1", "172.31.255.255", "192.168.1.1", "224.0.0.1",  "240.0.0.1",       "255.255.255.255", "::",
                           "::1",        "::ffff:1.1.1.1", "64:ff9b::1",  "fc00::1",    "fe80::1",         "ff02::1",         "4000::1"}) {
    BOOST_TEST(!is_public_address(IpAddress::parse(text).value()), text);
  }
}
