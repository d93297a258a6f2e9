#include "netns/base/clock.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "netns/base/time_text.hpp"

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

constexpr std::string_view usual_time = "0000-00-00T00:00:00.000000Z";
static_assert(usual_time.size() == time_text_length);

/// Two digits at `place`, for numbers below 100.
void put_two(char* place, unsigned value) {
  place[0] = static_cast<char>('0' + value / 10);
  place[1] = static_cast<char>('0' + value % 10);
}

/// The two digits at `place` as a number; more than 99: one of them is no digit.
unsigned two_at(const char* place) {
  const auto tens = static_cast<unsigned char>(place[0] - '0');
  const auto ones = static_cast<unsigned char>(place[1] - '0');
  return tens > 9 || ones > 9 ? 100U : tens * 10U + ones;
}

/// "2026-11-21T10:15:30.123456Z" as to_rfc3339() writes it, which nearly every time is; nullopt: to be read by the general rules.
std::optional<WallTime> read_usual_time(std::string_view text) {
  if (text.size() != usual_time.size()) return std::nullopt;
  for (const std::size_t place : {4U, 7U, 10U, 13U, 16U, 19U, 26U}) {
    if (text[place] != usual_time[place]) return std::nullopt;
  }
  const char* const at = text.data();
  const unsigned century = two_at(at), year = two_at(at + 2), month = two_at(at + 5), day = two_at(at + 8), hour = two_at(at + 11),
                 minute = two_at(at + 14), second = two_at(at + 17), high = two_at(at + 20), middle = two_at(at + 22),
                 low = two_at(at + 24);
  const bool digits = century < 100 && year < 100 && high < 100 && middle < 100 && low < 100;
  if (!digits || hour > 23 || minute > 59 || second > 59 || century * 100 + year < 1970) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(century * 100 + year)}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + microseconds{(high * 100 + middle) * 100 + low};
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
bool put_rfc3339(char* place, WallTime time) noexcept {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  const auto year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) return false;
  std::memcpy(place, usual_time.data(), usual_time.size());
  const auto fraction = static_cast<unsigned>(clock.subseconds().count());
  put_two(place, static_cast<unsigned>(year) / 100);
  put_two(place + 2, static_cast<unsigned>(year) % 100);
  put_two(place + 5, static_cast<unsigned>(date.month()));
  put_two(place + 8, static_cast<unsigned>(date.day()));
  put_two(place + 11, static_cast<unsigned>(clock.hours().count()));
  put_two(place + 14, static_cast<unsigned>(clock.minutes().count()));
  put_two(place + 17, static_cast<unsigned>(clock.seconds().count()));
  put_two(place + 20, fraction / 10'000);
  put_two(place + 22, fraction / 100 % 100);
  put_two(place + 24, fraction % 100);
  return true;
}

std::string to_rfc3339(WallTime time) {
  std::string text(time_text_length, '0');
  if (put_rfc3339(text.data(), time)) return text;
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  if (const auto time = read_usual_time(text)) return *time;
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
