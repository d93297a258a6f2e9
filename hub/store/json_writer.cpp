#include "hub/store/json_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

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
  std::memcpy(&word, text.data(), text.size());
  return needs_no_escape(word);
}

/// The text between a beginning and an end of a few characters, in one piece.
void append_between(std::string& out, std::string_view begin, std::string_view text, std::string_view end) {
  const auto size = out.size();
  out.resize(size + begin.size() + text.size() + end.size());
  auto place = std::copy(begin.begin(), begin.end(), out.begin() + static_cast<std::ptrdiff_t>(size));
  place = std::copy(text.begin(), text.end(), place);
  std::copy(end.begin(), end.end(), place);
}

}  // namespace

void append_json(std::string& out, const nlohmann::json& value) {
  out += value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Anything but plain ASCII takes the library's way: escapes, and replacement of what is not UTF-8.
void append(std::string& out, std::string_view text) {
  if (!needs_no_escape(text)) return append_json(out, text);
  append_between(out, "\"", text, "\"");
}

void append(std::string& out, bool value) { out += value ? "true" : "false"; }

void append(std::string& out, double value) {
  if (!std::isfinite(value)) return static_cast<void>(out += "null");
  fmt::format_to(std::back_inserter(out), "{}", value);
}

/// Its characters need no look.
void append(std::string& out, WallTime time) { append_between(out, "\"", to_rfc3339(time), "\""); }

std::string& ObjectWriter::key(std::string_view name) {
  append_between(out_, std::exchange(first_, false) ? "\"" : ",\"", name, "\":");
  return out_;
}

}  // namespace vpn_sentinel
