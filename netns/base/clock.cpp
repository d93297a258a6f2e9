#include "netns/base/clock.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace vpn_sentinel {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes exactly `digits` decimal digits from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, std::string_view allowed) {
  if (text.empty() || allowed.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<microseconds> take_fraction(std::string_view& text) {
  if (text.empty() || text.front() != '.') return microseconds{0};
  text.remove_prefix(1);
  long value = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) value *= 10;
  return microseconds{value};
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take_char(text, "Zz")) return minutes{0};
  const bool negative = !text.empty() && text.front() == '-';
  if (!take_char(text, "+-")) return std::nullopt;
  const auto hour = take_number(text, 2);
  take_char(text, ":");
  const auto minute = take_number(text, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const auto offset = hours{*hour} + minutes{*minute};
  return negative ? -offset : offset;
}

/// `value` with leading zeros over `width` characters of `text` from `place` on.
void put_digits(std::string& text, std::size_t place, std::size_t width, long value) {
  for (auto i = place + width; i-- > place; value /= 10) text[i] = static_cast<char>('0' + value % 10);
}

std::optional<WallTime> read_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || *year < 1970 || !take_char(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_char(text, "Tt ")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second, counted as the next second's start
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const WallTime time = std::chrono::sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second} + *fraction - *offset;
  // The offset or a leap second may lead out of the years that can be written again.
  constexpr std::chrono::sys_days end{std::chrono::year{10000} / 1 / 1};
  if (time < WallTime{} || time >= end) return std::nullopt;
  return time;
}

}  // namespace

WallTime wall_now() noexcept { return std::chrono::floor<microseconds>(std::chrono::system_clock::now()); }

/// Digit by digit: every report has several times, and a format string costs ten times as much.
std::string to_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  const auto year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) {
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", year, static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
  }
  std::string text = "0000-00-00T00:00:00.000000Z";
  put_digits(text, 0, 4, year);
  put_digits(text, 5, 2, static_cast<unsigned>(date.month()));
  put_digits(text, 8, 2, static_cast<unsigned>(date.day()));
  put_digits(text, 11, 2, clock.hours().count());
  put_digits(text, 14, 2, clock.minutes().count());
  put_digits(text, 17, 2, clock.seconds().count());
  put_digits(text, 20, 6, clock.subseconds().count());
  return text;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  if (const auto time = read_time(text)) return *time;
  return fail(Error::Kind::invalid, fmt::format("'{}' is not an RFC 3339 time such as 2026-11-21T10:15:30.123456Z", text.substr(0, 64)));
}

std::string human_duration(std::chrono::milliseconds duration) {
  if (duration < seconds{1}) return fmt::format("{} ms", std::max<long>(0, duration.count()));
  struct Unit {
    long seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> units{{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  long rest = std::chrono::duration_cast<seconds>(duration).count();
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (rest < units[i].seconds) continue;
    const long whole = rest / units[i].seconds;
    rest %= units[i].seconds;
    if (i + 1 == units.size() || rest / units[i + 1].seconds == 0) return fmt::format("{} {}", whole, units[i].name);
    return fmt::format("{} {} {} {}", whole, units[i].name, rest / units[i + 1].seconds, units[i + 1].name);
  }
  return "0 s";
}

}  // namespace vpn_sentinel
