#include "netns/sockets/process_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace vpn_sentinel {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory open_directory(int at, const char* path) {
  Fd fd{::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  Directory directory{fd ? ::fdopendir(fd.get()) : nullptr};
  if (directory) (void)fd.release();
  return directory;
}

}  // namespace

Fd open_process(pid_t pid) { return Fd{::open(fmt::format("/proc/{}", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}; }

std::string read_small(int at, const std::string& path) {
  const Fd fd{::openat(at, path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 4096> buffer;
  const auto got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

std::string comm_of(int process) {
  auto comm = read_small(process, "comm");
  if (comm.ends_with('\n')) comm.pop_back();
  std::ranges::replace_if(
      comm, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return comm;
}

std::optional<uid_t> uid_of_status(std::string_view status) {
  const auto line = status.find("\nUid:\t");
  if (line == std::string_view::npos) return std::nullopt;
  auto rest = status.substr(line + 6);
  const auto first = rest.find('\t');
  if (first == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(first + 1);
  return number_of<uid_t>(rest.substr(0, rest.find('\t')));
}

bool for_each_file(int process, MonoTime deadline, const TakeFile& take) {
  const auto files = open_directory(process, "fd");
  if (!files) return false;
  const int at = ::dirfd(files.get());
  std::array<char, 64> link;
  while (const auto* entry = ::readdir(files.get())) {
    if (entry->d_name[0] == '.') continue;
    if (mono_now() >= deadline) return errno = ETIMEDOUT, false;
    const auto got = ::readlinkat(at, entry->d_name, link.data(), link.size());
    take(entry->d_name, std::string_view(link.data(), got > 0 ? static_cast<std::size_t>(got) : 0));
  }
  return true;
}

Look why_not_seen() { return errno == ETIMEDOUT ? Look::late : errno == EACCES || errno == EPERM ? Look::refused : Look::gone; }

Result<std::size_t> for_each_process(const std::function<Look(int process, pid_t pid)>& look) {
  const auto processes = open_directory(AT_FDCWD, "/proc");
  if (!processes) return fail(system_error(errno, "/proc"));
  std::size_t unreadable = 0;
  bool first_seen = false;
  while (const auto* entry = ::readdir(processes.get())) {
    const auto pid = number_of<pid_t>(entry->d_name);
    if (!pid) continue;
    first_seen = first_seen || *pid == 1;
    const auto process = open_process(*pid);
    const auto looked = process ? look(process.get(), *pid) : Look::gone;
    if (looked == Look::late) return fail(Error::Kind::timed_out, "this machine has too many open files to look through them in time");
    if (looked == Look::refused) ++unreadable;
  }
  // Mounted with hidepid=2: the processes of others are not even listed.
  return unreadable + (first_seen ? 0 : 1);
}

}  // namespace vpn_sentinel
