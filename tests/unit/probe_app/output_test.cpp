#include "probe/app/output.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "netns/daemon/exit_codes.hpp"

using namespace vpn_sentinel;

namespace {

/// What `work` returns in a process whose standard output is `file`.
int with_output(int file, const std::function<int()>& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGPIPE, SIG_IGN);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::_exit(work());
  }
  ::close(file);
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int print_and_end(std::size_t bytes) {
  print_out(std::string(bytes, 'x'));
  return when_printed(0);
}

int closed_pipe() {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
  ::close(ends[0]);
  return ends[1];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(output)

BOOST_AUTO_TEST_CASE(what_was_printed_keeps_its_code) {
  BOOST_TEST(with_output(::open("/dev/null", O_WRONLY), [] { return print_and_end(10); }) == 0);
  BOOST_TEST(with_output(::open("/dev/null", O_WRONLY), [] { return when_printed(2); }) == 2);
}

BOOST_AUTO_TEST_CASE(a_full_disk_and_a_closed_pipe_are_no_success_whatever_the_length) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100'000}}) {
    BOOST_TEST(with_output(::open("/dev/full", O_WRONLY), [=] { return print_and_end(bytes); }) == exit_not_printed);
    BOOST_TEST(with_output(closed_pipe(), [=] { return print_and_end(bytes); }) == exit_not_printed);
  }
}

BOOST_AUTO_TEST_CASE(the_first_failure_is_kept) {
  const auto work = [] {
    print_out(std::string(100'000, 'x'));
    print_out("more");
    return flush_output() == EPIPE ? 0 : 1;
  };
  BOOST_TEST(with_output(closed_pipe(), work) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
