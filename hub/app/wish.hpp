/// What commands share that take a wish from the command line.
#pragma once

#include <fmt/format.h>

#include <string>
#include <type_traits>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/base/result.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {

/// The value, or FatalError with `exit_code` and the Error's sentence.
template <typename T>
T require(Result<T> result, int exit_code) {
  if (!result) throw FatalError(exit_code, result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// RFC 3339; `absent` when the text is empty. Throws FatalError 64, which names the flag.
[[nodiscard]] inline WallTime wished_time(const std::string& text, const char* flag, WallTime absent) {
  if (text.empty()) return absent;
  const auto time = parse_rfc3339(text);
  if (!time) throw FatalError(exit_usage, fmt::format("{} = '{}': expected an RFC 3339 time such as 2026-11-21T10:15:30Z", flag, text));
  return *time;
}

}  // namespace vpn_sentinel
