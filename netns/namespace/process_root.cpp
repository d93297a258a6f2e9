#include "netns/namespace/process_root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
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
constexpr std::size_t most_steps = 128;

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

/// Their "regular files" act when they are opened or read: a line of the kernel's log is taken from whoever waits for it, and so on.
constexpr std::array<std::uint32_t, 9> kernel_file_systems{PROC_SUPER_MAGIC,   SYSFS_MAGIC,         DEBUGFS_MAGIC,
                                                           TRACEFS_MAGIC,      SECURITYFS_MAGIC,    BPF_FS_MAGIC,
                                                           CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, EFIVARFS_MAGIC};

/// `found` is O_PATH: so far the file has not been opened, and a device has not noticed anything.
Result<void> check_plain(const Fd& found, const std::string& path) {
  struct stat status {};
  if (::fstat(found.get(), &status) != 0) return fail(system_error(errno, "reading /" + path));
  if (!S_ISREG(status.st_mode)) return fail(Error::Kind::invalid, fmt::format("/{} is no regular file", path));
  struct statfs mounted {};
  if (::fstatfs(found.get(), &mounted) != 0) return fail(system_error(errno, "reading /" + path));
  const auto magic = static_cast<std::uint32_t>(mounted.f_type);
  if (std::ranges::find(kernel_file_systems, magic) == kernel_file_systems.end()) return {};
  return fail(Error::Kind::invalid, fmt::format("/{} is a file of the kernel's own", path));
}

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
  // Looked at before it is opened: to open a device is to use it, and a container may put any node there (a watchdog restarts the host).
  const auto found = open(path, O_PATH);
  if (!found) return fail(found.error());
  if (const auto plain = check_plain(*found, path); !plain) return fail(plain.error());
  // The very same file, whatever has its name by now.
  Fd file{::open(fmt::format("/proc/self/fd/{}", found->get()).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (!file) return fail(system_error(errno, "opening /" + path));
  RootFile read{std::move(file), std::string(most + 1, '\0'), false};
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

/// Walked by steps, because a link in the middle of the path can be turned elsewhere as well as the last one.
std::vector<WatchPoint> ProcessRoot::watch_points(const std::string& path) const {
  std::vector<WatchPoint> points;
  std::string walked;  // without links, but for ".." that the kernel keeps below the root
  auto rest = path;
  for (std::size_t steps = 0; steps < most_steps && points.size() < most_links; ++steps) {
    const auto slash = rest.find('/');
    const bool is_last = slash == std::string::npos;
    const auto name = rest.substr(0, slash);
    rest = is_last ? std::string() : rest.substr(slash + 1);
    if (!is_last && (name.empty() || name == "." || name == "..")) {
      if (name == "..") walked += "../";
      continue;
    }
    auto folder = open(walked.empty() ? "." : walked, O_PATH | O_DIRECTORY);
    if (!folder) return points;
    std::array<char, PATH_MAX> target{};
    const auto length = ::readlinkat(folder->get(), name.c_str(), target.data(), target.size());
    if (length < 0 && errno == EINVAL && !is_last) {
      walked += name + "/";
      continue;
    }
    points.push_back({std::move(*folder), name});
    if (length <= 0 || static_cast<std::size_t>(length) == target.size()) return points;
    std::string link(target.data(), static_cast<std::size_t>(length));
    if (link.starts_with('/')) walked.clear();
    if (!is_last) link.append("/").append(rest);
    rest = std::move(link);
  }
  return points;
}

}  // namespace vpn_sentinel
