/// Times as the store's tables keep them: microseconds since the epoch, UTC.
#pragma once

#include <cstdint>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

[[nodiscard]] constexpr std::int64_t number_of(WallTime time) noexcept { return time.time_since_epoch().count(); }
[[nodiscard]] constexpr WallTime time_of(std::int64_t number) noexcept { return WallTime{std::chrono::microseconds{number}}; }

}  // namespace vpn_sentinel
