#include "tests/property/ip_shell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr int exit_failed = 70;

[[noreturn]] void give_up(std::string_view what, int code) {
  throw FatalError(exit_failed, fmt::format("{}: {}", what, std::strerror(code)));
}

}  // namespace

void IpShell::start() {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) give_up("pipe", errno);
  const Fd child_in(in[0]);
  const Fd child_out(out[1]);
  to_ = Fd(in[1]);
  from_ = Fd(out[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::array<std::string, 6> words{"ip", family_ == Family::v4 ? "-4" : "-6", "-oneline", "-force", "-batch", "-"};
  std::array<char*, 7> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv.at(i) = words.at(i).data();
  const int code = ::posix_spawnp(&pid_, "ip", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) give_up("cannot start ip", code);
}

void IpShell::stop() {
  to_.reset();
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void IpShell::run(const std::string& line) {
  // Whatever the command says, the line about the loopback link says that it is done.
  const auto text = line + "\nlink show dev lo\n";
  if (::write(to_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) give_up("cannot write to ip", errno);
  std::array<char, 4096> answer;
  for (;;) {
    const auto size = ::read(from_.get(), answer.data(), answer.size());
    if (size < 0) give_up("cannot read from ip", errno);
    if (size == 0) {
      // Some mistakes, such as a next hop by a device that does not exist, end ip(8) in spite of -force.
      stop();
      start();
      return;
    }
    if (answer.at(static_cast<std::size_t>(size) - 1) == '\n') return;
  }
}

}  // namespace vpn_sentinel::property
