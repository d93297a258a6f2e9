/// When a process began: with it the number of a process names one process only, because numbers are given anew.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace vpn_sentinel {

struct ProcessTimes {
  pid_t parent = 0;
  std::uint64_t start = 0;  ///< clock ticks since boot (10 ms): no number comes round within one
};

/// Fields 4 and 22 of PID/stat below `proc` (proc(5)), which everybody may read. Absent: there is no such process, it has ended and nobody
/// has waited for it yet, or `proc` does not show it (hidepid).
[[nodiscard]] std::optional<ProcessTimes> read_process_times(pid_t pid, const std::string& proc = "/proc");

}  // namespace vpn_sentinel
