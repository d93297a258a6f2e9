/// A thread with the rights of a daemon that is not root: those to look at what belongs to others rest.
#pragma once

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "netns/base/capabilities.hpp"

namespace vpn_sentinel {

template <typename Work>
void with_rights_of_a_unit(Work work) {
  std::thread([&] {
    BOOST_REQUIRE(keep_capabilities(permitted_capabilities().value(), rights_to_look).has_value());
    // Of this thread alone, unlike setgroups(3).
    BOOST_REQUIRE(::syscall(SYS_setgroups, 0, nullptr) == 0);
    ::setfsgid(65534);
    ::setfsuid(65534);
    work();
    BOOST_TEST((effective_capabilities().value() & rights_to_look) == 0U);
  }).join();
  ::prctl(PR_SET_DUMPABLE, 1);  // of the whole process, and ends with a change of the user
}

}  // namespace vpn_sentinel
