#include "netns/base/boot_clock.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "netns/base/clock.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr int new_time_namespace = 0x80;  // CLONE_NEWTIME: Linux 5.6, glibc 2.36
constexpr int cannot = 77;

/// By how much it is ahead of the clock that stands still.
std::chrono::nanoseconds ahead() { return boot_now().time_since_epoch() - mono_now().time_since_epoch(); }

int exit_code_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(boot_clock)

// A time namespace moves the one clock and not the other: just what a suspend does.
BOOST_AUTO_TEST_CASE(it_goes_on_while_the_machine_sleeps) {
  const auto before = ahead();
  const auto child = ::fork();
  BOOST_TEST_REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(new_time_namespace) != 0) ::_exit(cannot);
    std::ofstream offsets("/proc/self/timens_offsets");
    if (!(offsets << "boottime 28800 0" << std::flush)) ::_exit(cannot);
    const auto inside = ::fork();
    if (inside == 0) ::_exit(ahead() - before > 7h && ahead() - before < 9h ? 0 : 1);
    ::_exit(exit_code_of(inside));
  }
  const int code = exit_code_of(child);
  if (code == cannot) {
    BOOST_TEST_MESSAGE("SKIPPED: making a time namespace needs root and Linux 5.6");
    return;
  }
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
