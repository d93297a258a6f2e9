/// What the kernel says about this process.
#pragma once

#include <cstdint>
#include <optional>

namespace vpn_sentinel {

/// Nullopt: it could not be read.
struct ProcessNumbers {
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> open_fds;
  std::optional<std::uint64_t> max_fds;
  double cpu_seconds = 0;
};

/// Reads /proc/self/statm (proc(5)) and /proc/self/fd, getrlimit(2), getrusage(2). Any thread.
[[nodiscard]] ProcessNumbers read_process_numbers();

}  // namespace vpn_sentinel
