#include "netns/sockets/socket_owners.hpp"

#include <algorithm>
#include <utility>

#include "netns/namespace/container_process.hpp"
#include "netns/sockets/process_files.hpp"
#include "netns/sockets/process_walk.hpp"

namespace vpn_sentinel {
namespace {

/// Of the process behind `process`, while it is still there.
std::optional<SocketProcess> read_facts(int process, pid_t pid) {
  const auto uid = uid_of_status(read_small(process, "status"));
  if (!uid) return std::nullopt;
  return SocketProcess{pid, comm_of(process), *uid, container_of_cgroup(read_small(process, "cgroup"), {})};
}

struct Finder {
  std::span<const std::uint32_t> inodes;
  MonoTime deadline;
  SocketOwners found{};
  std::vector<std::uint32_t> held{};  ///< of the process that is looked at

  Look look(int process, pid_t pid) {
    held.clear();
    const bool seen = for_each_file(process, deadline, [this](const char*, std::string_view link) {
      const auto inode = inode_of_socket_link(link);
      if (inode && std::ranges::binary_search(inodes, *inode)) held.push_back(*inode);
    });
    const auto why = seen ? Look::seen : why_not_seen();
    if (!held.empty()) note(process, pid);
    found.cut_short = found.cut_short || why == Look::late;
    return why;
  }

  void note(int process, pid_t pid) {
    auto facts = read_facts(process, pid);
    if (!facts) return;
    const auto index = found.processes.size();
    found.processes.push_back(std::move(*facts));
    for (const auto inode : held) {
      auto& holders = found.of[inode];
      // One process may have it twice (dup(2)).
      if (holders.empty() || holders.back() != index) holders.push_back(index);
    }
  }
};

}  // namespace

Result<SocketOwners> find_socket_owners(std::span<const std::uint32_t> inodes, MonoTime deadline) {
  if (inodes.empty()) return SocketOwners{};
  Finder finder{inodes, deadline};
  const auto walked = for_each_process([&finder](int process, pid_t pid) { return finder.look(process, pid); });
  if (!walked && !finder.found.cut_short) return fail(walked.error());
  if (walked) finder.found.unreadable = *walked;
  return std::move(finder.found);
}

}  // namespace vpn_sentinel
