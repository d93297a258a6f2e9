#include "netns/daemon/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace vpn_sentinel {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<bool> read_boolean(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
  return std::nullopt;
}

std::optional<long> read_integer(std::string_view text) {
  long value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> read_duration(std::string_view text) {
  struct Unit {
    std::string_view suffix;
    double milliseconds;
  };
  static constexpr Unit units[]{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1000}};
  for (const auto& unit : units) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto number = text.substr(0, text.size() - unit.suffix.size());
    double value = 0;
    const auto* const end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, value, std::chars_format::fixed);
    const double milliseconds = value * unit.milliseconds;
    if (error == std::errc{} && stop == end && milliseconds >= 0 && milliseconds < 1e13) {
      return std::chrono::milliseconds{std::llround(milliseconds)};
    }
  }
  return std::nullopt;
}

/// What a value of this row must look like, or nullopt when `text` is fine.
std::optional<std::string> expectation(const SettingRow& row, std::string_view text) {
  const auto in_bounds = [&row](long value) { return value >= row.least && (row.most == 0 || value <= row.most); };
  const auto bounds = [&row] {
    return row.most == 0 ? fmt::format("{} or more", row.least) : fmt::format("{} to {}", row.least, row.most);
  };
  switch (row.type) {
    case SettingRow::Type::boolean:
      if (!read_boolean(text)) return "true or false";
      break;
    case SettingRow::Type::integer: {
      const auto value = read_integer(text);
      if (!value || !in_bounds(*value)) return fmt::format("a whole number, {}", bounds());
      break;
    }
    case SettingRow::Type::seconds: {
      const auto value = read_duration(text);
      const auto least = std::chrono::seconds{row.least};
      if (!value || *value < least || (row.most != 0 && *value > std::chrono::seconds{row.most})) {
        return fmt::format("a time such as 30s, 250ms or 5m, {} seconds", bounds());
      }
      break;
    }
    case SettingRow::Type::text:
    case SettingRow::Type::secret:
    case SettingRow::Type::list:
      if (text.size() > 65'536) return "at most 65536 bytes";
      break;
  }
  return std::nullopt;
}

}  // namespace

Settings::Settings(std::span<const SettingRow> rows) : rows_(rows) {
  for (const auto& row : rows_) values_.emplace(row.key, SettingValue{std::string(row.default_value), "default"});
}

const SettingRow& Settings::row(std::string_view key) const {
  const auto found = std::ranges::find(rows_, key, &SettingRow::key);
  if (found == rows_.end()) throw std::logic_error(fmt::format("no setting is called {}", key));
  return *found;
}

std::string_view Settings::name(std::string_view key) const { return row(key).environment; }

const SettingValue& Settings::value(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw std::logic_error(fmt::format("no setting is called {}", key));
  return found->second;
}

const std::string& Settings::text(std::string_view key) const { return value(key).text; }
const std::string& Settings::origin(std::string_view key) const { return value(key).origin; }
bool Settings::is_set(std::string_view key) const { return value(key).origin != "default"; }
bool Settings::boolean(std::string_view key) const { return read_boolean(text(key)).value_or(false); }
long Settings::integer(std::string_view key) const { return read_integer(text(key)).value_or(0); }
std::chrono::milliseconds Settings::duration(std::string_view key) const {
  return read_duration(text(key)).value_or(std::chrono::milliseconds{0});
}

std::vector<std::string> Settings::list(std::string_view key) const {
  std::vector<std::string> items;
  std::string_view rest = text(key);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const auto item = trim(rest.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return items;
}

Result<void> Settings::set(std::string_view key, std::string text, std::string origin) {
  const auto& wanted = row(key);
  if (wanted.type != SettingRow::Type::secret) text = std::string(trim(text));
  if (const auto expected = expectation(wanted, text)) {
    const auto shown = wanted.type == SettingRow::Type::secret ? std::string("(hidden)") : text.substr(0, 80);
    return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): expected {}", wanted.environment, shown, origin, *expected));
  }
  values_.insert_or_assign(std::string(key), SettingValue{std::move(text), std::move(origin)});
  return {};
}

tl::unexpected<Error> wrong_setting(const Settings& settings, std::string_view key, std::string_view value, std::string_view expected) {
  return fail(Error::Kind::invalid,
              fmt::format("{} = '{}' (from {}): expected {}", settings.name(key), value, settings.origin(key), expected));
}

}  // namespace vpn_sentinel
