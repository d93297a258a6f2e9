#include "hub/ingest/parse.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vpn_sentinel {
namespace {

tl::unexpected<Rejection> reject(int status, std::string error, std::string message) {
  return tl::unexpected<Rejection>(Rejection{status, std::move(error), std::move(message)});
}

}  // namespace

int json_depth(std::string_view body) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
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
  if (json_depth(body) > most_json_depth) {
    return reject(400, "Invalid JSON", fmt::format("more than {} levels of nesting", most_json_depth));
  }
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(body);
  } catch (const nlohmann::json::parse_error& error) {
    return reject(400, "Invalid JSON", fmt::format("malformed at byte {}", error.byte));
  } catch (const nlohmann::json::exception&) {
    return reject(400, "Invalid JSON", "a number is out of range");
  }
  if (is_falsy(value)) return reject(400, "No JSON data provided", "");
  if (!value.is_object()) return reject(400, "Invalid JSON", fmt::format("expected an object, got {}", value.type_name()));
  return value;
}

}  // namespace vpn_sentinel
