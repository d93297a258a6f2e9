/// Calendars of people: days, weeks and months as a place on earth counts them, with its summer time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace date {
class time_zone;
}  // namespace date

namespace vpn_sentinel {

/// [from, to) in UTC.
struct Stretch {
  WallTime from{};
  WallTime to{};
  [[nodiscard]] std::chrono::microseconds length() const { return to > from ? to - from : std::chrono::microseconds{0}; }
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// What both have in common; empty (to == from) when nothing.
[[nodiscard]] Stretch common(const Stretch& left, const Stretch& right);

enum class CalendarUnit : std::uint8_t { day, week, month };  ///< a week begins on Monday

/// One zone of the IANA database of this machine (package tzdata). A value; any thread.
class TimeZone {
 public:
  /// "Europe/Berlin", "UTC". Errors: invalid, with the name: it is not in the database, or there is none.
  [[nodiscard]] static Result<TimeZone> find(std::string_view name);
  [[nodiscard]] static TimeZone utc();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The days, weeks or months that touch `stretch`, whole, oldest first; nullopt: more than `most`.
  [[nodiscard]] std::optional<std::vector<Stretch>> split(const Stretch& stretch, CalendarUnit unit, std::size_t most) const;
  /// "2026-10". Errors: invalid: no month of the years 1970-9999.
  [[nodiscard]] Result<Stretch> month(std::string_view text) const;
  /// "2026-10-25 02:30 +02:00": what a clock on the wall shows.
  [[nodiscard]] std::string text(WallTime time) const;
  /// "2026-10-25".
  [[nodiscard]] std::string date_text(WallTime time) const;
  /// Hour of the day, 0-23.
  [[nodiscard]] int hour(WallTime time) const;
  /// How far its clocks are ahead of UTC at that moment.
  [[nodiscard]] std::chrono::seconds offset(WallTime time) const;
  friend bool operator==(const TimeZone& left, const TimeZone& right) { return left.name_ == right.name_; }

 private:
  TimeZone(const date::time_zone* zone, std::string name) : zone_(zone), name_(std::move(name)) {}
  /// Null for UTC, which needs no database.
  const date::time_zone* zone_;
  std::string name_;
};

}  // namespace vpn_sentinel
