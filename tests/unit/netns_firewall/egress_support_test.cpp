#include "netns/firewall/egress_support.hpp"

#include <boost/test/unit_test.hpp>

using vpn_sentinel::reads_egress_rightly;

BOOST_AUTO_TEST_SUITE(egress_support)

BOOST_AUTO_TEST_CASE(kernels_that_read_ipv6_at_a_wrong_place_are_known_by_their_release) {
  for (const auto* release : {"6.8.0-31-generic", "6.12.5", "7.0.0", "6.6.20", "6.6.119+rpt-rpi", "6.1.80", "6.1.158-custom", "10.1"}) {
    BOOST_TEST(reads_egress_rightly(release, "#1 SMP"), release);
  }
  for (const auto* release : {"5.10.0-30-amd64", "5.15.0", "5.16", "6.0.9", "6.1.60", "6.1.0-28-amd64", "6.5.0-14-generic", "6.6.1",
                              "6.7.12", "", "x", "6", "6.1."}) {
    BOOST_TEST(!reads_egress_rightly(release, "#1 SMP"), release);
  }
}

BOOST_AUTO_TEST_CASE(debian_tells_its_stable_release_elsewhere) {
  BOOST_TEST(reads_egress_rightly("6.1.0-28-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)"));
  BOOST_TEST(!reads_egress_rightly("6.1.0-13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 (2023-09-29)"));
  BOOST_TEST(!reads_egress_rightly("6.1.0-13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian "));
}

BOOST_AUTO_TEST_SUITE_END()
