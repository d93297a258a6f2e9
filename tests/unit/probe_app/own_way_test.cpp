#include "probe/app/own_way.hpp"

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(own_way)

BOOST_AUTO_TEST_CASE(a_way_that_could_not_be_opened_at_first_is_tried_again) {
  rlimit before{};
  BOOST_TEST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  OwnWay way;
  const rlimit none{0, before.rlim_max};
  BOOST_TEST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool found = way.opener().has_value();
  BOOST_TEST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  BOOST_TEST(!found);
  const auto opener = way.opener();
  BOOST_TEST_REQUIRE(opener.has_value());
  BOOST_TEST((*opener)(AF_INET, SOCK_DGRAM, 0).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
