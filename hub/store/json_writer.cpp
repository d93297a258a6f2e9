#include "hub/store/json_writer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "netns/base/time_text.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint64_t in_each_byte(unsigned char value) { return ~std::uint64_t{0} / 255 * value; }

/// Where a byte is zero its highest bit is set; bytes above the first such one may be wrong.
constexpr std::uint64_t zero_bytes(std::uint64_t word) { return (word - in_each_byte(1)) & ~word & in_each_byte(0x80); }

/// Eight characters at a time: each report has hundreds.
constexpr bool needs_no_escape(std::uint64_t word) {
  const auto control = (word - in_each_byte(0x20)) & ~word & in_each_byte(0x80);
  const auto not_ascii = word & in_each_byte(0x80);
  return (control | not_ascii | zero_bytes(word ^ in_each_byte('"')) | zero_bytes(word ^ in_each_byte('\\'))) == 0;
}

bool needs_no_escape(std::string_view text) {
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (!needs_no_escape(word)) return false;
  }
  word = in_each_byte('x');
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return needs_no_escape(word);
}

}  // namespace

void append_json(JsonText& out, const nlohmann::json& value) {
  out += value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Anything but plain ASCII takes the library's way: escapes, and replacement of what is not UTF-8.
void append(JsonText& out, std::string_view text) {
  if (!needs_no_escape(text)) return append_json(out, text);
  char* const place = out.room(text.size() + 2);
  *place = '"';
  if (!text.empty()) std::memcpy(place + 1, text.data(), text.size());
  place[text.size() + 1] = '"';
  out.wrote(text.size() + 2);
}

void append(JsonText& out, bool value) { out += value ? std::string_view("true") : std::string_view("false"); }

void append(JsonText& out, double value) {
  if (!std::isfinite(value)) return static_cast<void>(out += "null");
  constexpr std::size_t longest = 40;
  char* const place = out.room(longest);
  out.wrote(fmt::format_to_n(place, longest, "{}", value).size);
}

void append(JsonText& out, WallTime time) {
  char* const place = out.room(time_text_length + 2);
  if (!put_rfc3339(place + 1, time)) return append(out, to_rfc3339(time));
  *place = place[time_text_length + 1] = '"';  // its characters need no look
  out.wrote(time_text_length + 2);
}

}  // namespace vpn_sentinel
