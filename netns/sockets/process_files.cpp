#include "netns/sockets/process_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <memory>
#include <utility>

namespace vpn_sentinel {
namespace {

constexpr std::string_view rights = "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are needed";

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Directory open_directory(int at, const char* path) {
  Fd fd{::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  Directory directory{fd ? ::fdopendir(fd.get()) : nullptr};
  if (directory) (void)fd.release();
  return directory;
}

/// At most 4 KiB; empty when it cannot be read.
std::string read_small(int at, const std::string& path) {
  const Fd fd{::openat(at, path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 4096> buffer;
  const auto got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

/// The file of a descriptor. The link is only read: a look at the file itself could hang with its file system.
std::string link_of(int files, const char* number) {
  std::array<char, 64> link;
  const auto got = ::readlinkat(files, number, link.data(), link.size());
  return got > 0 ? std::string(link.data(), static_cast<std::size_t>(got)) : std::string();
}

/// Calls `take` with number and link of every open file. False with errno: they may not be seen, or it has ended.
bool for_each_file(int process, MonoTime deadline, const std::function<void(const char*, const std::string&)>& take) {
  const auto files = open_directory(process, "fd");
  if (!files) return false;
  while (const auto* entry = ::readdir(files.get())) {
    if (entry->d_name[0] == '.') continue;
    if (mono_now() >= deadline) return errno = ETIMEDOUT, false;
    take(entry->d_name, link_of(::dirfd(files.get()), entry->d_name));
  }
  return true;
}

std::optional<NamespaceIdentity> namespace_of(int process) {
  struct stat status {};
  if (::fstatat(process, "ns/net", &status, 0) != 0) return std::nullopt;
  return NamespaceIdentity{status.st_dev, status.st_ino};
}

enum class Look { seen, refused, gone, late };
/// By errno of for_each_file().
Look why_not_seen() { return errno == ETIMEDOUT ? Look::late : errno == EACCES || errno == EPERM ? Look::refused : Look::gone; }

std::string tun_behind(int process, std::string_view number) {
  return tun_of_fdinfo(read_small(process, fmt::format("fdinfo/{}", number)));
}

Look look_at(int process, pid_t pid, MonoTime deadline, TunHolders& found) {
  // A program may serve several namespaces, with an interface of the same name in each.
  std::vector<TunHolder> held;
  const bool seen = for_each_file(process, deadline, [&](const char* number, const std::string& link) {
    // "/dev/net/tun"; a container may have it under another path. Which interface it is only the driver tells.
    if (!link.ends_with("/tun")) return;
    const auto file = number_of<int>(number);
    auto name = file ? tun_behind(process, number) : std::string();
    if (!name.empty()) held.push_back({pid, *file, std::move(name), {}});
  });
  if (!seen) return why_not_seen();
  if (held.empty()) return Look::seen;
  const auto netns = namespace_of(process);
  if (!netns) return Look::refused;
  for (auto& holder : held) {
    holder.netns = *netns;
    found.holders.push_back(std::move(holder));
  }
  return Look::seen;
}

Fd open_process(pid_t pid) { return Fd{::open(fmt::format("/proc/{}", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}; }

/// `look` at each process of /proc, by id; how many may not be seen.
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

/// Control characters are replaced: anybody may choose the name.
std::string comm_of(int process) {
  auto comm = read_small(process, "comm");
  if (comm.ends_with('\n')) comm.pop_back();
  std::ranges::replace_if(
      comm, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return comm;
}

/// The second number of "Uid:", the effective one.
std::optional<uid_t> uid_of_status(std::string_view status) {
  const auto line = status.find("\nUid:\t");
  if (line == std::string_view::npos) return std::nullopt;
  auto rest = status.substr(line + 6);
  const auto first = rest.find('\t');
  if (first == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(first + 1);
  return number_of<uid_t>(rest.substr(0, rest.find('\t')));
}

}  // namespace

std::string tun_of_fdinfo(std::string_view text) {
  const auto at = text.starts_with("iff:") ? std::size_t{0} : text.find("\niff:");
  if (at == std::string_view::npos) return {};
  auto line = text.substr(text.find(':', at) + 1);
  line = line.substr(0, line.find('\n'));
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line);
}

std::optional<std::uint32_t> inode_of_socket_link(std::string_view link) {
  if (!link.starts_with("socket:[") || !link.ends_with(']')) return std::nullopt;
  return number_of<std::uint32_t>(link.substr(8, link.size() - 9));
}

Result<TunHolders> find_tun_holders(MonoTime deadline) {
  TunHolders found;
  auto walked = for_each_process([&](int process, pid_t pid) { return look_at(process, pid, deadline, found); });
  if (!walked) return fail(walked.error());
  found.unreadable = *walked;
  std::ranges::sort(found.holders, {}, &TunHolder::pid);
  return found;
}

Result<SocketHolder> find_socket_holder(std::span<const std::uint32_t> inodes, MonoTime deadline) {
  std::vector<pid_t> holders;
  const auto walked = for_each_process([&](int process, pid_t pid) {
    bool holds = false;
    const bool seen = for_each_file(process, deadline, [&](const char*, const std::string& link) {
      const auto inode = inode_of_socket_link(link);
      holds = holds || (inode && std::ranges::binary_search(inodes, *inode));
    });
    if (holds) holders.push_back(pid);
    return seen ? Look::seen : why_not_seen();
  });
  if (!walked) return fail(walked.error());
  const auto first = std::ranges::min_element(holders, {}, [](pid_t pid) { return std::pair(pid == 1, pid); });
  if (first == holders.end()) {
    if (*walked > 0) return fail(Error::Kind::not_permitted, fmt::format("the open files of some processes may not be seen ({})", rights));
    return fail(Error::Kind::not_found, "no process that is seen here has the socket open");
  }
  const auto process = open_process(*first);
  return SocketHolder{*first, process ? comm_of(process.get()) : std::string()};
}

bool still_holds(const TunHolder& holder) {
  const auto process = open_process(holder.pid);
  return process && tun_behind(process.get(), std::to_string(holder.file)) == holder.name && namespace_of(process.get()) == holder.netns;
}

Result<NamespaceIdentity> namespace_of_tun(const TunHolder& holder) {
  const auto refused = [](std::string_view what) {
    auto error = system_error(errno, what);
    if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_SYS_PTRACE and CAP_NET_ADMIN are needed)";
    return fail(std::move(error));
  };
  const Fd process{static_cast<int>(::syscall(SYS_pidfd_open, holder.pid, 0))};
  if (!process) return refused("pidfd_open");
  const Fd tun{static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), holder.file, 0))};
  if (!tun) return refused("pidfd_getfd");
  const Fd netns{::ioctl(tun.get(), TUNGETDEVNETNS)};
  if (!netns) return refused("TUNGETDEVNETNS");
  struct stat status {};
  if (::fstat(netns.get(), &status) != 0) return refused("the namespace of a tun interface");
  return NamespaceIdentity{status.st_dev, status.st_ino};
}

Result<ProcessFacts> read_process(pid_t pid, MonoTime deadline) {
  const auto process = open_process(pid);
  if (!process) return fail(system_error(errno, fmt::format("process {}", pid)));
  ProcessFacts facts;
  const bool seen = for_each_file(process.get(), deadline, [&](const char* number, const std::string& link) {
    const auto inode = inode_of_socket_link(link);
    if (!inode) return;
    facts.sockets.push_back(*inode);
    if (const auto file = number_of<int>(number)) facts.socket_files.push_back(*file);
  });
  if (!seen) {
    auto error = system_error(errno, fmt::format("the open files of process {}", pid));
    if (error.kind == Error::Kind::not_permitted) error.message += fmt::format(" ({})", rights);
    return fail(std::move(error));
  }
  const auto uid = uid_of_status(read_small(process.get(), "status"));
  if (!uid) return fail(Error::Kind::not_found, fmt::format("process {} has ended", pid));
  facts.uid = *uid;
  facts.comm = comm_of(process.get());
  std::ranges::sort(facts.sockets);
  return facts;
}

}  // namespace vpn_sentinel
