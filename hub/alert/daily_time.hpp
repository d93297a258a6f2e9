/// Stretches of a day or of a week, by a clock on the wall. Pure but for the machine's time zone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "hub/state/time_zone.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Whose clock: the machine's zone or that of a place, both with their summer time, or a fixed distance from UTC.
struct ClockZone {
  std::optional<std::chrono::minutes> offset = std::nullopt;
  std::optional<TimeZone> place = std::nullopt;  ///< without both: the machine's

  /// Seconds since Monday 00:00 on that clock.
  [[nodiscard]] std::chrono::seconds in_week(WallTime time) const;
  friend bool operator==(const ClockZone&, const ClockZone&) = default;
};
/// "local", "UTC", "+02:00", "Europe/Berlin".
[[nodiscard]] std::optional<ClockZone> parse_clock_zone(std::string_view text);
[[nodiscard]] std::string to_string(const ClockZone& zone);

/// What parse_clock_zone() takes, for messages.
inline constexpr std::string_view clock_zone_words =
    "local, UTC, a distance from UTC as +02:00, or a zone of the IANA database as Europe/Berlin";

/// From one time of the day to another, each day or on one weekday; over midnight when the second is not later. A night in which the clock
/// is set ends when the clock says so: it is an hour longer or shorter.
struct DailyTime {
  std::chrono::minutes from{0};
  std::chrono::minutes to{0};
  std::optional<int> weekday = {};  ///< 0: Monday; nullopt: each day
  ClockZone zone = {};

  /// When the stretch that holds `time` ends; nullopt: none does.
  [[nodiscard]] std::optional<WallTime> end_of(WallTime time) const;
  friend bool operator==(const DailyTime&, const DailyTime&) = default;

 private:
  /// By the clock's face: how much of the stretch is left.
  [[nodiscard]] std::optional<std::chrono::seconds> left_at(WallTime time) const;
};
/// "22:00-07:00", or with `weekly` "Sun 02:00-04:00".
[[nodiscard]] std::optional<DailyTime> parse_daily_time(std::string_view text, bool weekly, const ClockZone& zone);
[[nodiscard]] std::string to_string(const DailyTime& time);

}  // namespace vpn_sentinel
