#include "netns/namespace/process_root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <tuple>
#include <utility>

#include "netns/namespace/process_times.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_links = 8;

bool has_ended(const Fd& pidfd) {
  pollfd poll_fd{pidfd.get(), POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

Error gone(pid_t pid) { return {Error::Kind::not_found, fmt::format("process {} has ended", pid)}; }

Result<Fd> open_root(const std::string& path) {
  Fd root{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (root) return root;
  auto error = system_error(errno, "opening " + path);
  if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_SYS_PTRACE is needed)";
  return fail(std::move(error));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

Result<ProcessRoot> ProcessRoot::of(pid_t pid, std::optional<std::uint64_t> start) {
  // Held first: from here on the number cannot become another process's unseen. Where it cannot be held its beginning decides alone.
  const Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!pidfd && errno == ESRCH) return fail(gone(pid));
  auto root = open_root(fmt::format("/proc/{}/root", pid));
  if (!root) return fail(root.error());
  if (pidfd && has_ended(pidfd)) return fail(gone(pid));
  if (start) {
    const auto now = read_process_times(pid);
    if (!now || now->start != *start) return fail(gone(pid));
  }
  return ProcessRoot(std::move(*root));
}

Result<ProcessRoot> ProcessRoot::own() {
  auto root = open_root("/");
  if (!root) return fail(root.error());
  return ProcessRoot(std::move(*root));
}

Result<Fd> ProcessRoot::open(const std::string& path, std::uint64_t flags) const {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed or mounted while the kernel walked, so that it cannot tell whether the path stayed below the root.
  for (int tries = 0; tries < 8; ++tries) {
    Fd fd{static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how))};
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  if (errno == ENOSYS) return fail(Error::Kind::unavailable, "this kernel cannot open files below another root (openat2: Linux 5.6)");
  return fail(system_error(errno, "opening /" + path));
}

Result<RootFile> ProcessRoot::read(const std::string& path, std::size_t most) const {
  // Non-blocking: a named pipe without a writer must not keep the caller.
  auto file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return fail(file.error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return fail(system_error(errno, "reading /" + path));
  if (!S_ISREG(status.st_mode)) return fail(Error::Kind::invalid, fmt::format("/{} is no regular file", path));
  RootFile read{std::move(*file), std::string(most + 1, '\0'), false};
  std::size_t size = 0;
  while (size < read.text.size()) {
    const auto got = ::read(read.file.get(), read.text.data() + size, read.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, "reading /" + path));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  read.cut = size > most;
  read.text.resize(std::min(size, most));
  return read;
}

std::vector<std::string> ProcessRoot::names_in(const std::string& folder, std::size_t most_files) const {
  std::vector<std::string> names;
  auto opened = open(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(opened->get()), ::closedir);
  if (!entries) return names;
  std::ignore = opened->release();  // closed by closedir() from here on
  while (const auto* const entry = ::readdir(entries.get())) {
    if (names.size() == most_files) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

Result<Fd> ProcessRoot::find(const std::string& path) const { return open(path, O_PATH); }

std::vector<WatchPoint> ProcessRoot::watch_points(std::string path) const {
  std::vector<WatchPoint> points;
  while (points.size() < most_links) {
    auto folder = open(folder_of(path), O_PATH | O_DIRECTORY);
    if (!folder) return points;
    std::array<char, PATH_MAX> target{};
    const auto name = name_of(path);
    const auto length = ::readlinkat(folder->get(), name.c_str(), target.data(), target.size());
    points.push_back({std::move(*folder), name});
    if (length <= 0 || static_cast<std::size_t>(length) == target.size()) return points;
    const std::string link(target.data(), static_cast<std::size_t>(length));
    // The kernel takes an absolute path here as one below the root; ".." in a relative one is walked by it, too.
    path = link.starts_with('/') ? link : folder_of(path) + "/" + link;
  }
  return points;
}

}  // namespace vpn_sentinel
