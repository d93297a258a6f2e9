#include "hub/http/parameters.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "hub/alert/channel.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

/// Of a wrong value, so many bytes are repeated in the answer.
constexpr std::size_t most_repeated = 100;

std::optional<std::int64_t> number_in(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const auto digits = text.substr(i + 1, 2);
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || stop != digits.data() + 2) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

Parameters::Parameters(std::string_view query, std::initializer_list<std::string_view> known) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    if (end > 0) take(query.substr(0, end), known);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
}

void Parameters::take(std::string_view pair, std::initializer_list<std::string_view> known) {
  const auto equals = std::min(pair.find('='), pair.size());
  const auto name = percent_decoded(pair.substr(0, equals));
  const auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
  if (!name || !value) return refuse(pair.substr(0, equals), pair, "two hexadecimal digits after each %");
  if (std::find(known.begin(), known.end(), *name) == known.end()) {
    return refuse(*name, *value, fmt::format("only the parameters {}", fmt::join(known, ", ")));
  }
  if (!values_.emplace(*name, *value).second) refuse(*name, *value, "it only once");
}

const std::string* Parameters::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void Parameters::refuse(std::string_view name, std::string_view value, std::string_view expected) {
  if (problem_) return;
  problem_ = fmt::format("{} = '{}': expected {}", name.substr(0, most_repeated), value.substr(0, most_repeated), expected);
}

std::size_t Parameters::limit(std::size_t usual) {
  const auto* text = find("limit");
  if (text == nullptr) return usual;
  const auto number = number_in(*text, 1, largest_page);
  if (!number) refuse("limit", *text, fmt::format("a number from 1 to {}", largest_page));
  return number ? static_cast<std::size_t>(*number) : usual;
}

std::optional<WallTime> Parameters::time(std::string_view name) {
  const auto* text = find(name);
  if (text == nullptr) return std::nullopt;
  const auto time = parse_rfc3339(*text);
  if (time) return *time;
  refuse(name, *text, "an RFC 3339 time such as 2026-11-21T10:15:30Z");
  return std::nullopt;
}

TimeRange Parameters::range() {
  const auto from = time("from");
  const auto to = time("to");
  if (from && to && *from >= *to) refuse("from", *find("from"), "a time before `to`");
  const TimeRange everything;
  return {from.value_or(everything.from), to.value_or(everything.to)};
}

std::optional<std::int64_t> Parameters::cursor() {
  const auto* text = find("cursor");
  if (text == nullptr) return std::nullopt;
  const auto number = number_in(*text, 1, std::numeric_limits<std::int64_t>::max() - 1);
  if (!number) refuse("cursor", *text, "the `next` of the page before");
  return number;
}

std::optional<std::string> Parameters::client_id(std::string_view name) {
  const auto* text = find(name);
  if (text == nullptr) return std::nullopt;
  constexpr std::string_view of_group = "group:";
  const auto bare = std::string_view(*text).substr(text->starts_with(of_group) ? of_group.size() : 0);
  if (!is_valid_client_id(bare)) refuse(name, *text, "a client id of 1-100 characters out of A-Z a-z 0-9 . _ -");
  return *text;
}

std::optional<std::string> Parameters::group(std::string_view name) {
  const auto* text = find(name);
  if (text == nullptr) return std::nullopt;
  if (!is_valid_group(*text)) refuse(name, *text, "the name of a group, 1-64 characters out of A-Z a-z 0-9 . _ -");
  return *text;
}

std::optional<std::string> Parameters::channel(std::string_view name) {
  const auto* text = find(name);
  if (text == nullptr) return std::nullopt;
  if (!is_valid_channel_name(*text)) refuse(name, *text, "1-32 of a-z, 0-9 and -");
  return *text;
}

std::optional<std::int64_t> Parameters::number(std::string_view name, std::int64_t least, std::int64_t most) {
  const auto* text = find(name);
  if (text == nullptr) return std::nullopt;
  const auto number = number_in(*text, least, most);
  if (!number) refuse(name, *text, fmt::format("a number from {} to {}", least, most));
  return number;
}

std::optional<std::string> Parameters::text(std::string_view name, std::size_t most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  const bool clean = std::ranges::none_of(*value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (clean && value->size() <= most) return *value;
  refuse(name, *value, fmt::format("a text of at most {} bytes without control characters", most));
  return std::nullopt;
}

bool Parameters::flag(std::string_view name) { return choice<bool>(name, {{"true", true}, {"false", false}}).value_or(false); }

}  // namespace vpn_sentinel
