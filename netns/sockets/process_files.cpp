#include "netns/sockets/process_files.hpp"

#include <fmt/format.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "netns/sockets/process_walk.hpp"

namespace vpn_sentinel {
namespace {

std::optional<NamespaceIdentity> namespace_of(int process) {
  struct stat status {};
  if (::fstatat(process, "ns/net", &status, 0) != 0) return std::nullopt;
  return NamespaceIdentity{status.st_dev, status.st_ino};
}

std::string tun_behind(int process, std::string_view number) {
  return tun_of_fdinfo(read_small(process, fmt::format("fdinfo/{}", number)));
}

Look look_at(int process, pid_t pid, MonoTime deadline, TunHolders& found) {
  // A program may serve several namespaces, with an interface of the same name in each.
  std::vector<TunHolder> held;
  const bool seen = for_each_file(process, deadline, [&](const char* number, std::string_view link) {
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
    const bool seen = for_each_file(process, deadline, [&](const char*, std::string_view link) {
      const auto inode = inode_of_socket_link(link);
      holds = holds || (inode && std::ranges::binary_search(inodes, *inode));
    });
    if (holds) holders.push_back(pid);
    return seen ? Look::seen : why_not_seen();
  });
  if (!walked) return fail(walked.error());
  const auto first = std::ranges::min_element(holders, {}, [](pid_t pid) { return std::pair(pid == 1, pid); });
  if (first == holders.end()) {
    if (*walked > 0)
      return fail(Error::Kind::not_permitted, fmt::format("the open files of some processes may not be seen ({})", rights_for_open_files));
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
  const bool seen = for_each_file(process.get(), deadline, [&](const char* number, std::string_view link) {
    const auto inode = inode_of_socket_link(link);
    if (!inode) return;
    facts.sockets.push_back(*inode);
    if (const auto file = number_of<int>(number)) facts.socket_files.push_back(*file);
  });
  if (!seen) {
    auto error = system_error(errno, fmt::format("the open files of process {}", pid));
    if (error.kind == Error::Kind::not_permitted) error.message += fmt::format(" ({})", rights_for_open_files);
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
