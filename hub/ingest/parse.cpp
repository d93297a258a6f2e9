#include "hub/ingest/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "hub/ingest/reject.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_shown = 60;

/// Bytes from outside that may be no UTF-8.
std::string printable(std::string_view text) {
  std::string clean(text.substr(0, most_shown));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

/// Where the string that begins at `begin` ends: behind its closing quote.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  for (auto i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

/// The last key before `offset`; empty when there is none.
std::string_view key_before(std::string_view body, std::size_t offset) {
  std::string_view key;
  for (std::size_t i = 0; i < std::min(offset, body.size());) {
    if (body[i] != '"') {
      ++i;
      continue;
    }
    const auto end = end_of_string(body, i);
    const auto next = body.find_first_not_of(" \t\r\n", end);
    if (next != std::string_view::npos && body[next] == ':' && next < offset) key = body.substr(i + 1, end - i - 2);
    i = end;
  }
  return key;
}

Rejection malformed(std::string_view body, std::size_t byte) {
  const auto key = key_before(body, byte);
  return {400, "Invalid JSON", fmt::format("malformed at byte {}{}{}", byte, key.empty() ? "" : ", after ", printable(key))};
}

/// The library tells the number but not its place.
Rejection out_of_range(std::string_view body, std::string_view what) {
  const auto open = what.find('\'');
  const auto close = what.rfind('\'');
  const auto number = open < close ? what.substr(open + 1, close - open - 1) : std::string_view{};
  const auto key = key_before(body, body.find(number));
  return {400, "Invalid JSON", fmt::format("{}: expected a number that a double can hold, got {}", printable(key), printable(number))};
}

std::size_t count_members(const nlohmann::json& value) {
  std::size_t count = value.is_object() ? value.size() : 0;
  if (value.is_structured()) {
    for (const auto& item : value) count += count_members(item);
  }
  return count;
}

/// For the message only: parses once more.
std::string repeated_key(std::string_view body) {
  std::string repeated;
  std::vector<std::set<std::string>> objects;
  const auto note = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) objects.emplace_back();
    if (event == Event::object_end) objects.pop_back();
    if (event == Event::key && !objects.back().insert(parsed.get<std::string>()).second && repeated.empty()) repeated = parsed;
    return true;
  };
  [[maybe_unused]] const auto again = nlohmann::json::parse(body, note);
  return repeated;
}

}  // namespace

JsonShape shape_of(std::string_view body) {
  JsonShape shape;
  int depth = 0;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '"') {
      i = end_of_string(body, i) - 1;
    } else if (c == ':') {
      ++shape.members;
    } else if (c == '{' || c == '[') {
      shape.depth = std::max(shape.depth, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return shape;
}

std::string shown(const nlohmann::json& value) {
  auto text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() <= most_shown) return text;
  return text.substr(0, most_shown) + "...";
}

bool is_falsy(const nlohmann::json& value) {
  if (value.is_structured() || value.is_null()) return value.empty();
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value == 0;
}

tl::expected<nlohmann::json, Rejection> parse_object(std::string_view body) {
  if (body.size() > max_report_bytes) {
    return reject(413, "Report too large", fmt::format("the body has {} bytes, at most {} are accepted", body.size(), max_report_bytes));
  }
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return reject(400, "No JSON data provided", "the body is empty");
  // The library takes a zero byte for the end, whatever comes after it.
  if (const auto zero = body.find('\0'); zero != std::string_view::npos) {
    return reject(400, "Invalid JSON", fmt::format("malformed at byte {}: a zero byte", zero + 1));
  }
  const auto shape = shape_of(body);
  if (shape.depth > most_json_depth) {
    return reject(400, "Invalid JSON", fmt::format("more than {} levels of nesting", most_json_depth));
  }
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(body);
  } catch (const nlohmann::json::parse_error& error) {
    return tl::unexpected<Rejection>(malformed(body, error.byte));
  } catch (const nlohmann::json::exception& error) {
    return tl::unexpected<Rejection>(out_of_range(body, error.what()));
  }
  if (is_falsy(value)) return reject(400, "No JSON data provided", "");
  if (!value.is_object()) return reject(400, "Invalid JSON", fmt::format("expected an object, got {}", value.type_name()));
  if (count_members(value) != shape.members) {
    return reject(400, "Invalid JSON", fmt::format("{}: expected once in its object, given twice", printable(repeated_key(body))));
  }
  return value;
}

}  // namespace vpn_sentinel
