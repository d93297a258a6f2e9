// The number of a process that ended is given to another one sooner or later, and that one must never be watched in its place.
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

#include "netns/namespace/process_times.hpp"
#include "probe/watch/namespace_follower.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// A process with a namespace of its own and, if it can be had, with the number `wanted`; ends with this.
class Process {
 public:
  explicit Process(pid_t wanted = 0) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) return;
    clone_args arguments{};  // clone3(2) gives a chosen number, Linux 5.5
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = wanted > 0 ? reinterpret_cast<std::uintptr_t>(&wanted) : 0;
    arguments.set_tid_size = wanted > 0 ? 1 : 0;
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid_ == 0) {
      if (::unshare(CLONE_NEWNET) != 0 || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    if (pid_ > 0 && ::read(ready[0], &byte, 1) != 1) end();
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  [[nodiscard]] pid_t number() const { return pid_; }
  [[nodiscard]] NamespaceRef path() const { return {NamespaceRef::Kind::path, fmt::format("/proc/{}/ns/net", pid_)}; }

 private:
  pid_t pid_ = 0;
};

/// From here on this process cannot hold others, as in a container whose filter does not know the call.
bool forbid_pidfd_open() {
  std::array<sock_filter, 4> code{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{code.size(), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Until a process that begins now has another beginning; a number never comes round so fast.
void await_next_tick(pid_t process) {
  const auto start = read_process_times(process)->start;
  const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  for (;;) {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const auto hundredths = static_cast<std::uint64_t>(now.tv_sec) * 100 + static_cast<std::uint64_t>(now.tv_nsec) / 10'000'000;
    if (hundredths * ticks_per_second / 100 > start + 1) return;
    ::usleep(1000);
  }
}

enum Outcome { right, not_opened, not_lost, opened_again, no_chosen_numbers, cannot_forbid };

/// Follows a process through its end and its number's next owner, asking only as the look each second does.
Outcome follow_into_stranger(const std::function<NamespaceRef(const Process&)>& ref_of) {
  boost::asio::io_context io{1};
  Process process;
  const auto number = process.number();
  NamespaceFollower follower(io, ref_of(process), {});
  follower.start([] {});
  const auto space = follower.open();
  if (!space) return not_opened;
  await_next_tick(number);
  process.end();
  const Process next(number);
  if (next.number() != number) return no_chosen_numbers;
  if (!follower.lost(*space)) return not_lost;
  if (follower.open()) return opened_again;
  return follower.open() ? opened_again : right;
}

void check(Outcome outcome) {
  if (outcome == no_chosen_numbers || outcome == cannot_forbid) {
    BOOST_TEST_MESSAGE("SKIPPED: this kernel or container lets no process choose its number, or takes no filter");
    return;
  }
  BOOST_TEST(outcome == right);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(namespace_stranger)

BOOST_AUTO_TEST_CASE(a_path_below_proc_is_never_taken_for_the_next_owner_of_its_number) {
  check(follow_into_stranger([](const Process& process) { return process.path(); }));
}

BOOST_AUTO_TEST_CASE(a_process_that_cannot_be_held_is_known_by_its_beginning) {
  for (const bool by_path : {false, true}) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (!forbid_pidfd_open()) ::_exit(cannot_forbid);
      ::_exit(
          follow_into_stranger([&](const Process& process) { return by_path ? process.path() : NamespaceRef::of_pid(process.number()); }));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST_REQUIRE(WIFEXITED(status));
    check(static_cast<Outcome>(WEXITSTATUS(status)));
  }
}

BOOST_AUTO_TEST_CASE(the_beginning_of_a_process_stays_and_an_ended_one_has_none) {
  Process process;
  const auto number = process.number();
  const auto times = read_process_times(number);
  BOOST_TEST_REQUIRE(times.has_value());
  BOOST_TEST(times->parent == ::getpid());
  BOOST_TEST(times->start == read_process_times(number)->start);
  ::kill(number, SIGKILL);
  siginfo_t info{};
  BOOST_REQUIRE(::waitid(P_PID, static_cast<id_t>(number), &info, WEXITED | WNOWAIT) == 0);
  BOOST_TEST(!read_process_times(number).has_value());
  process.end();
  BOOST_TEST(!read_process_times(number).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
