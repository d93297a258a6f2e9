/// The test process in a network namespace of its own, with an uplink and a hub's loopback, so that "self" may be watched and broken.
#pragma once

#include <sched.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vpn_sentinel::test {

/// A shell command such as "ip link set eth0 down"; it must succeed.
inline void run(const std::string& command) { BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command); }

/// BOOST_TEST_GLOBAL_FIXTURE(OwnNamespace): exit code 77 with the reason where the tests cannot run.
struct OwnNamespace {
  OwnNamespace() {
    if (::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0) return;
    std::puts("SKIPPED: making network namespaces needs root and 'ip' (iproute2)");
    std::fflush(stdout);
    std::_Exit(77);
  }
};

}  // namespace vpn_sentinel::test
