#include "hub/store/json_writer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace vpn_sentinel {
namespace {

bool needs_no_escape(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

void append_json(std::string& out, const nlohmann::json& value) {
  out += value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Anything but plain ASCII takes the library's way: escapes, and replacement of what is not UTF-8.
void append(std::string& out, std::string_view text) {
  if (!needs_no_escape(text)) return append_json(out, text);
  out.append(1, '"').append(text).append(1, '"');
}

void append(std::string& out, bool value) { out += value ? "true" : "false"; }

void append(std::string& out, double value) {
  if (!std::isfinite(value)) return static_cast<void>(out += "null");
  fmt::format_to(std::back_inserter(out), "{}", value);
}

/// Its characters need no look.
void append(std::string& out, WallTime time) { out.append(1, '"').append(to_rfc3339(time)).append(1, '"'); }

}  // namespace vpn_sentinel
