/// to_rfc3339() for who writes many times into a text that it has already.
#pragma once

#include <cstddef>
#include <optional>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// "2026-11-21T10:15:30.123456Z".
inline constexpr std::size_t time_text_length = 27;

/// Writes `time_text_length` characters to `place`. False: the year does not have four digits, and nothing was written.
bool put_rfc3339(char* place, WallTime time) noexcept;

}  // namespace vpn_sentinel
