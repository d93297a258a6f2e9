/// Times. Wall-clock times go into reports and the store; durations are measured with the monotonic clock only.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Wall-clock time in microseconds since the epoch, UTC.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using MonoTime = std::chrono::steady_clock::time_point;

[[nodiscard]] WallTime wall_now() noexcept;
[[nodiscard]] inline MonoTime mono_now() noexcept { return std::chrono::steady_clock::now(); }

/// RFC 3339 in UTC with six digits: "2026-11-21T10:15:30.123456Z".
[[nodiscard]] std::string to_rfc3339(WallTime time);

/// Reads RFC 3339 (any number of fraction digits, truncated to microseconds; "Z" or an offset; also "+0000" without colon as the
/// Python original writes it). Years 1970-9999 only.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);

/// "3 s", "4 min 12 s", "2 h 5 min", "3 d 4 h": the two largest units, for people. Below one second: "120 ms".
[[nodiscard]] std::string human_duration(std::chrono::milliseconds duration);

}  // namespace vpn_sentinel
