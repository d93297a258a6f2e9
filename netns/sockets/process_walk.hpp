/// A walk through /proc (proc(5)): each process and its open files, as far as they may be seen. What process_files and socket_owners share.
/// A process is held by its folder: what is read through it is never that of another one that got the same number.
#pragma once

#include <sys/types.h>

#include <charconv>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// For messages.
inline constexpr std::string_view rights_for_open_files = "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are needed";

/// The whole of `text` as a number.
template <typename Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// /proc/PID; without a descriptor when there is no such process.
[[nodiscard]] Fd open_process(pid_t pid);
/// At most 4 KiB of a file below the folder `at`; empty when it cannot be read.
[[nodiscard]] std::string read_small(int at, const std::string& path);
/// Name of a process, at most 15 bytes. Control characters are replaced: anybody may choose it.
[[nodiscard]] std::string comm_of(int process);
/// The second number of "Uid:" of PID/status, the effective one.
[[nodiscard]] std::optional<uid_t> uid_of_status(std::string_view status);

/// Number of a descriptor as text, and what its link says. Links are only read: a look at a file itself could hang with its file system.
using TakeFile = std::function<void(const char* number, std::string_view link)>;
/// Every open file of the process behind `process`. False with errno: they may not be seen, it has ended, or ETIMEDOUT.
[[nodiscard]] bool for_each_file(int process, MonoTime deadline, const TakeFile& take);

enum class Look { seen, refused, gone, late };
/// By errno of for_each_file().
[[nodiscard]] Look why_not_seen();
/// `look` at each process of /proc, by id; how many may not be seen. timed_out: a look was late.
[[nodiscard]] Result<std::size_t> for_each_process(const std::function<Look(int process, pid_t pid)>& look);

}  // namespace vpn_sentinel
