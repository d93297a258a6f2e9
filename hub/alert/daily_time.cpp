#include "hub/alert/daily_time.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 7> weekdays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr seconds day{86'400};
constexpr seconds week{7 * 86'400};

std::optional<int> two_digits(std::string_view text) {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool right = text.size() == 2 && parsed.ec == std::errc{} && parsed.ptr == text.data() + 2 && number >= 0;
  return right ? std::optional(number) : std::nullopt;
}

/// "07:30"
std::optional<minutes> time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = two_digits(text.substr(0, 2));
  const auto rest = two_digits(text.substr(3));
  if (!hours || !rest || *hours > 23 || *rest > 59) return std::nullopt;
  return minutes{*hours * 60 + *rest};
}

std::string clock_text(minutes time) { return fmt::format("{:02}:{:02}", time.count() / 60, time.count() % 60); }

seconds positive(seconds time, seconds length) { return (time % length + length) % length; }

}  // namespace

seconds ClockZone::in_week(WallTime time) const {
  const auto since_epoch = std::chrono::floor<seconds>(time).time_since_epoch();
  // 1970-01-01 was a Thursday.
  if (offset || place) return positive(since_epoch + (place ? place->offset(time) : *offset) + 3 * day, week);
  const std::time_t number = since_epoch.count();
  std::tm parts{};
  localtime_r(&number, &parts);
  const auto weekday = (parts.tm_wday + 6) % 7;
  return weekday * day + seconds{parts.tm_hour * 3600 + parts.tm_min * 60 + parts.tm_sec};
}

std::optional<ClockZone> parse_clock_zone(std::string_view text) {
  if (text == "local") return ClockZone{};
  if (text == "UTC") return ClockZone{minutes{0}};
  if (text.empty() || (text[0] != '+' && text[0] != '-')) {
    auto place = TimeZone::find(text);
    return place ? std::optional(ClockZone{std::nullopt, std::move(*place)}) : std::nullopt;
  }
  if (text.size() != 6) return std::nullopt;
  const auto distance = time_of_day(text.substr(1));
  if (!distance || *distance > std::chrono::hours{14}) return std::nullopt;
  return ClockZone{text[0] == '-' ? -*distance : *distance};
}

std::string to_string(const ClockZone& zone) {
  if (zone.place) return zone.place->name();
  if (!zone.offset) return "local";
  if (zone.offset->count() == 0) return "UTC";
  return (zone.offset->count() < 0 ? "-" : "+") + clock_text(std::chrono::abs(*zone.offset));
}

std::optional<seconds> DailyTime::left_at(WallTime time) const {
  const auto clock = zone.in_week(time);
  const auto length = positive(to - from, day) == seconds{0} ? day : positive(to - from, day);
  // The stretch may have begun the day before.
  for (const int begun : {0, 1}) {
    const auto weekday_of_begin = (clock / day - begun + 7) % 7;
    if (weekday && *weekday != weekday_of_begin) continue;
    const auto since = positive(clock, day) + begun * day - from;
    if (since >= seconds{0} && since < length) return length - since;
  }
  return std::nullopt;
}

std::optional<WallTime> DailyTime::end_of(WallTime time) const {
  const auto left = left_at(time);
  if (!left) return std::nullopt;
  const auto end = std::chrono::floor<seconds>(time) + *left;
  if (left_at(end - seconds{1}) == seconds{1}) return end;
  // The clock is set meanwhile: the first minute at which the stretch is over by its face.
  constexpr std::chrono::hours most_set{2};
  for (auto at = std::chrono::ceil<minutes>(std::max(time, WallTime{end - most_set})); at < end + most_set; at += minutes{1}) {
    if (!left_at(at)) return at;
  }
  return end;
}

std::optional<DailyTime> parse_daily_time(std::string_view text, bool weekly, const ClockZone& zone) {
  DailyTime stretch;
  stretch.zone = zone;
  if (weekly) {
    if (text.size() < 4 || text[3] != ' ') return std::nullopt;
    for (std::size_t i = 0; i < weekdays.size(); ++i) {
      if (text.substr(0, 3) == weekdays.at(i)) stretch.weekday = static_cast<int>(i);
    }
    if (!stretch.weekday) return std::nullopt;
    text.remove_prefix(4);
  }
  if (text.size() != 11 || text[5] != '-') return std::nullopt;
  const auto from = time_of_day(text.substr(0, 5));
  const auto to = time_of_day(text.substr(6));
  if (!from || !to) return std::nullopt;
  stretch.from = *from;
  stretch.to = *to;
  return stretch;
}

std::string to_string(const DailyTime& time) {
  const auto hours = clock_text(time.from) + "-" + clock_text(time.to);
  return time.weekday ? fmt::format("{} {}", weekdays.at(static_cast<std::size_t>(*time.weekday)), hours) : hours;
}

}  // namespace vpn_sentinel
