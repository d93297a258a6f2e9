/// The test process in a network namespace of its own, with an uplink and a hub's loopback, so that "self" may be watched and broken.
#pragma once

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "netns/base/fd.hpp"

namespace vpn_sentinel::test {

/// A shell command such as "ip link set eth0 down"; it must succeed.
inline void run(const std::string& command) { BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command); }

/// The tunnel "tun7" with an owner, this process: it takes every packet and answers none. Gone with its owner.
class SilentTunnel {
 public:
  SilentTunnel() : fd_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::string("tun7").copy(request.ifr_name, IFNAMSIZ - 1);
    BOOST_REQUIRE(::ioctl(fd_.get(), TUNSETIFF, &request) == 0);
    run("ip address add 10.7.0.2/24 dev tun7 && ip link set tun7 up && ip route add default dev tun7");
  }

 private:
  Fd fd_;
};

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
