/// Why nobody can be named, in one sentence with the remedy. Pure.
#pragma once

#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class TracerStage {
  load,    ///< the programs and maps of leak.bpf.c into the kernel
  attach,  ///< to the cgroup2 tree
  read,    ///< rings, shared memory
  space,   ///< what is watched, into the maps
  survey,  ///< the programs of sockets.bpf.c
};

/// What this process may do, as far as it matters here.
struct TracerRights {
  bool bpf = false;        ///< CAP_BPF or CAP_SYS_ADMIN
  bool net_admin = false;  ///< CAP_NET_ADMIN or CAP_SYS_ADMIN
  bool perfmon = false;    ///< CAP_PERFMON or CAP_SYS_ADMIN
  bool filtered = false;   ///< a seccomp filter is in force

  friend bool operator==(const TracerRights&, const TracerRights&) = default;
};

/// Of the text of /proc/PID/status (proc_pid_status(5)); what is not in it counts as missing.
[[nodiscard]] TracerRights rights_of(std::string_view status);
/// Of this process.
[[nodiscard]] TracerRights own_rights();

/// `code` is an errno value. The kind is not_permitted, unavailable, no_space or failed.
[[nodiscard]] Error tracer_error(TracerStage stage, int code, const TracerRights& rights);

}  // namespace vpn_sentinel
