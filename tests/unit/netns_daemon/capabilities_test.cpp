#include "netns/daemon/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace vpn_sentinel;

namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

}  // namespace

BOOST_AUTO_TEST_SUITE(capabilities)

BOOST_AUTO_TEST_CASE(what_is_not_kept_is_gone_for_the_thread_and_those_that_it_starts) {
  const auto before = effective_capabilities().value();
  // Rights belong to a thread: that of the test keeps its own.
  std::thread([before] {
    BOOST_TEST(keep_capabilities({CAP_NET_ADMIN, CAP_NET_RAW}).has_value());
    const auto wanted = before & (bit(CAP_NET_ADMIN) | bit(CAP_NET_RAW));
    BOOST_TEST(effective_capabilities().value() == wanted);
    std::thread([wanted] { BOOST_TEST(effective_capabilities().value() == wanted); }).join();
    // Again, and with what is not there any more: it does not come back.
    BOOST_TEST(keep_capabilities({CAP_SYS_ADMIN, CAP_NET_ADMIN}).has_value());
    BOOST_TEST(effective_capabilities().value() == (wanted & bit(CAP_NET_ADMIN)));
    if ((before & bit(CAP_SETPCAP)) != 0) BOOST_TEST(::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
  }).join();
  BOOST_TEST(effective_capabilities().value() == before);
}

BOOST_AUTO_TEST_SUITE_END()
