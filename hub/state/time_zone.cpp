#include "hub/state/time_zone.hpp"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace vpn_sentinel {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::seconds;
using LocalSeconds = std::chrono::local_time<seconds>;

constexpr std::size_t longest_name = 64;

/// Names are parts of paths below the database's folder.
bool is_zone_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, is_allowed);
}

seconds offset_at(const date::time_zone* zone, WallTime time) {
  if (zone == nullptr) return seconds{0};
  return zone->get_info(std::chrono::floor<seconds>(time)).offset;
}

LocalSeconds local(const date::time_zone* zone, WallTime time) {
  return LocalSeconds{std::chrono::floor<seconds>(time).time_since_epoch() + offset_at(zone, time)};
}

/// When the day begins: at midnight, or, where the clock jumps over it, at the first moment of the day.
WallTime day_start(const date::time_zone* zone, local_days day) {
  if (zone == nullptr) return WallTime{day.time_since_epoch()};
  return WallTime{zone->to_sys(date::local_seconds{day.time_since_epoch()}, date::choose::earliest).time_since_epoch()};
}

local_days first_day(local_days day, CalendarUnit unit) {
  const std::chrono::year_month_day date{day};
  if (unit == CalendarUnit::month) return local_days{date.year() / date.month() / 1};
  if (unit == CalendarUnit::day) return day;
  return day - (std::chrono::weekday{day} - std::chrono::Monday);
}

local_days next_first_day(local_days day, CalendarUnit unit) {
  if (unit == CalendarUnit::day) return day + days{1};
  if (unit == CalendarUnit::week) return day + days{7};
  const std::chrono::year_month_day date{day};
  return local_days{(date.year() / date.month() + std::chrono::months{1}) / 1};
}

std::optional<unsigned> number_of(std::string_view digits) {
  unsigned number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

}  // namespace

Stretch common(const Stretch& left, const Stretch& right) {
  const auto from = std::max(left.from, right.from);
  return {from, std::max(from, std::min(left.to, right.to))};
}

TimeZone TimeZone::utc() { return {nullptr, "UTC"}; }

Result<TimeZone> TimeZone::find(std::string_view name) {
  if (name == "UTC") return utc();
  const auto unknown = [name](std::string_view why) {
    return fail(Error::Kind::invalid, fmt::format("'{}': expected a time zone of the IANA database such as Europe/Berlin or UTC{}",
                                                  name.substr(0, longest_name), why));
  };
  if (!is_zone_name(name)) return unknown("");
  try {
    const auto* const zone = date::locate_zone(std::string(name));
    static_cast<void>(zone->get_info(date::sys_seconds{}));  // its file is read now, and may be none
    return TimeZone(zone, std::string(name));
  } catch (const std::exception&) {
    return unknown(" (package tzdata)");
  }
}

std::optional<std::vector<Stretch>> TimeZone::split(const Stretch& stretch, CalendarUnit unit, std::size_t most) const {
  std::vector<Stretch> units;
  if (stretch.to <= stretch.from) return units;
  auto day = first_day(std::chrono::floor<days>(local(zone_, stretch.from)), unit);
  for (auto from = day_start(zone_, day); from < stretch.to;) {
    if (units.size() == most) return std::nullopt;
    day = next_first_day(day, unit);
    const auto to = day_start(zone_, day);
    units.push_back({from, to});
    from = to;
  }
  return units;
}

Result<Stretch> TimeZone::month(std::string_view text) const {
  const bool shaped = text.size() == 7 && text[4] == '-';
  const auto year = shaped ? number_of(text.substr(0, 4)) : std::nullopt;
  const auto month = shaped ? number_of(text.substr(5)) : std::nullopt;
  if (!year || !month || *year < 1970 || *month < 1 || *month > 12) {
    return fail(Error::Kind::invalid, fmt::format("'{}': expected a month such as 2026-10", text.substr(0, longest_name)));
  }
  const local_days day{std::chrono::year{static_cast<int>(*year)} / std::chrono::month{*month} / 1};
  return Stretch{day_start(zone_, day), day_start(zone_, next_first_day(day, CalendarUnit::month))};
}

std::string TimeZone::date_text(WallTime time) const {
  const std::chrono::year_month_day date{std::chrono::floor<days>(local(zone_, time))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string TimeZone::text(WallTime time) const {
  const auto at = local(zone_, time);
  const std::chrono::hh_mm_ss clock{at - std::chrono::floor<days>(at)};
  const auto offset = std::chrono::duration_cast<std::chrono::minutes>(offset_at(zone_, time)).count();
  return fmt::format("{} {:02}:{:02} {}{:02}:{:02}", date_text(time), clock.hours().count(), clock.minutes().count(),
                     offset < 0 ? '-' : '+', std::abs(offset) / 60, std::abs(offset) % 60);
}

seconds TimeZone::offset(WallTime time) const { return offset_at(zone_, time); }

int TimeZone::hour(WallTime time) const {
  const auto at = local(zone_, time);
  return static_cast<int>(std::chrono::floor<std::chrono::hours>(at - std::chrono::floor<days>(at)).count());
}

}  // namespace vpn_sentinel
