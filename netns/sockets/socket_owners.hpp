/// Which processes have given sockets open: by the inodes that sock_diag tells, looked for below /proc/PID/fd (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct SocketProcess {
  pid_t pid = 0;          ///< as the probe's own pid namespace numbers it
  std::string comm;       ///< at most 15 bytes; control characters replaced
  uid_t uid = 0;          ///< effective, now
  std::string container;  ///< the id of 64 digits that its cgroup names; empty: none
  friend bool operator==(const SocketProcess&, const SocketProcess&) = default;
};

/// A socket that was inherited or handed over has several processes.
struct SocketOwners {
  std::vector<SocketProcess> processes;                  ///< that have one of the sockets, by pid
  std::map<std::uint32_t, std::vector<std::size_t>> of;  ///< by inode: into `processes`, in rising order
  std::size_t unreadable = 0;                            ///< processes whose open files may not be seen: they may have any
  bool cut_short = false;                                ///< the deadline came before all processes were seen
};

/// Reads the links of all open files of all processes: 17 µs a process, 0.4-0.7 µs more for each of many files. `inodes`: sorted; without
/// any nothing is read. A socket that is closed meanwhile, or that a process has only in another thread's table of files, has nobody.
/// After `deadline` what was seen until then is told.
[[nodiscard]] Result<SocketOwners> find_socket_owners(std::span<const std::uint32_t> inodes, MonoTime deadline);

}  // namespace vpn_sentinel
