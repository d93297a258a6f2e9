#include "tests/bench/ip_monitor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel {
namespace {

constexpr int exit_failed = 70;

[[noreturn]] void become_monitor(int output) {
  // A bench that is killed must not leave it, and with it the namespace, behind.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::execlp("ip", "ip", "-ts", "monitor", nullptr);
  ::_exit(127);
}

}  // namespace

IpMonitor::IpMonitor() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw FatalError(exit_failed, fmt::format("pipe: {}", std::strerror(errno)));
  output_ = Fd{ends[0]};
  const Fd input{ends[1]};
  child_ = ::fork();
  if (child_ < 0) throw FatalError(exit_failed, fmt::format("fork: {}", std::strerror(errno)));
  if (child_ == 0) become_monitor(input.get());
  reader_ = std::thread([this] { read_lines(); });
}

IpMonitor::~IpMonitor() {
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  reader_.join();
}

void IpMonitor::hold() const {
  ::kill(child_, SIGSTOP);
  ::waitpid(child_, nullptr, WUNTRACED);
}

void IpMonitor::release() const { ::kill(child_, SIGCONT); }

/// ip writes each message out at once, so what one read(2) brings begins with a new line.
void IpMonitor::read_lines() {
  std::array<char, 65536> text;
  for (;;) {
    const auto size = ::read(output_.get(), text.data(), text.size());
    const auto now = mono_now();
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    lines_.note(now);
  }
}

}  // namespace vpn_sentinel
