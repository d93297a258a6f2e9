/// How the BPF programs find the name of a process, which is that of its first thread.
#pragma once

#include <cstdint>
#include <optional>

namespace vpn_sentinel {

/// In bytes from the beginning of struct task_struct.
struct TaskOffsets {
  std::uint32_t group_leader = 0;
  std::uint32_t comm = 0;
};
/// From the running kernel's BTF, some milliseconds; nothing where it has none (CONFIG_DEBUG_INFO_BTF), or its programs may not read the
/// kernel's memory (CAP_PERFMON, lockdown).
[[nodiscard]] std::optional<TaskOffsets> find_task_offsets();

}  // namespace vpn_sentinel
