/// Standard output: a report that nobody can read must not look like one that was given.
#pragma once

#include <string_view>

namespace vpn_sentinel {

/// Never throws (a closed pipe or a full disk would end a loop in the middle); flush_output() tells.
void print_out(std::string_view text) noexcept;
/// 0, or the errno of the first thing that could not be written.
[[nodiscard]] int flush_output() noexcept;
/// For the end of a command: `code`, or exit_not_printed with a word on standard error.
[[nodiscard]] int when_printed(int code);

}  // namespace vpn_sentinel
