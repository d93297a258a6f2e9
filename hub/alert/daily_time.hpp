/// Stretches of a day or of a week, by a clock on the wall. Pure but for the machine's time zone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Whose clock: the machine's zone with its summer time, or a fixed distance from UTC.
struct ClockZone {
  std::optional<std::chrono::minutes> offset = std::nullopt;  ///< nullopt: the machine's

  /// Seconds since Monday 00:00 on that clock.
  [[nodiscard]] std::chrono::seconds in_week(WallTime time) const;
  friend bool operator==(const ClockZone&, const ClockZone&) = default;
};
/// "local", "UTC", "+02:00".
[[nodiscard]] std::optional<ClockZone> parse_clock_zone(std::string_view text);
[[nodiscard]] std::string to_string(const ClockZone& zone);

/// From one time of the day to another, each day or on one weekday; over midnight when the second is not later.
struct DailyTime {
  std::chrono::minutes from{0};
  std::chrono::minutes to{0};
  std::optional<int> weekday = {};  ///< 0: Monday; nullopt: each day
  ClockZone zone = {};

  /// When the stretch that holds `time` ends; nullopt: none does.
  [[nodiscard]] std::optional<WallTime> end_of(WallTime time) const;
  friend bool operator==(const DailyTime&, const DailyTime&) = default;
};
/// "22:00-07:00", or with `weekly` "Sun 02:00-04:00".
[[nodiscard]] std::optional<DailyTime> parse_daily_time(std::string_view text, bool weekly, const ClockZone& zone);
[[nodiscard]] std::string to_string(const DailyTime& time);

}  // namespace vpn_sentinel
