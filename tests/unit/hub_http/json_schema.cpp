#include "json_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Problems = std::vector<std::string>;

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

void check_type(const json& value, const json& schema, const std::string& place, Problems& problems) {
  if (!schema.contains("type")) return;
  const auto& type = schema["type"];
  const auto types = type.is_array() ? type.get<std::vector<std::string>>() : std::vector{type.get<std::string>()};
  const auto fits = [&value](const std::string& each) { return has_type(value, each); };
  if (!std::ranges::any_of(types, fits)) problems.push_back(fmt::format("{}: {} is not of type {}", place, value.dump(), type.dump()));
}

void check_value(const json& value, const json& schema, const std::string& place, Problems& problems) {
  const auto refuse = [&](std::string_view what) { problems.push_back(fmt::format("{}: {} {}", place, value.dump(), what)); };
  if (schema.contains("const") && value != schema["const"]) refuse("is not the constant");
  if (schema.contains("enum") && std::ranges::find(schema["enum"], value) == schema["enum"].end()) refuse("is not in the enumeration");
  if (value.is_number()) {
    if (schema.contains("minimum") && value < schema["minimum"]) refuse("is too small");
    if (schema.contains("maximum") && value > schema["maximum"]) refuse("is too large");
  }
  if (!value.is_string()) return;
  const auto text = value.get<std::string>();
  if (schema.contains("pattern") && !std::regex_search(text, std::regex(schema["pattern"].get<std::string>()))) refuse("has another form");
  if (schema.value("format", "") == "date-time" && !parse_rfc3339(text)) refuse("is no RFC 3339 time");
}

void check_keywords(const json& schema, const std::string& place, Problems& problems) {
  static const std::set<std::string> known{"$ref",        "type",     "required",    "properties", "additionalProperties",
                                           "items",       "maxItems", "uniqueItems", "enum",       "const",
                                           "minimum",     "maximum",  "pattern",     "format",     "anyOf",
                                           "description", "default",  "if",          "then",       "dependentRequired"};
  for (const auto& [keyword, rest] : schema.items()) {
    if (!known.contains(keyword)) problems.push_back(fmt::format("{}: the schema uses '{}', which is not checked", place, keyword));
  }
}

}  // namespace

const json& SchemaChecker::resolve(const json& object) const {
  if (!object.contains("$ref")) return object;
  return document_.at(json::json_pointer(object["$ref"].get<std::string>().substr(1)));
}

Problems SchemaChecker::check(const json& value, const json& schema) const {
  Problems problems;
  walk(value, schema, "$", problems);
  return problems;
}

void SchemaChecker::walk(const json& value, const json& reference, const std::string& place, Problems& problems) const {
  const auto& schema = resolve(reference);
  check_keywords(schema, place, problems);
  check_type(value, schema, place, problems);
  check_value(value, schema, place, problems);
  if (schema.contains("anyOf")) {
    const auto fits = [&](const json& each) { return check(value, each).empty(); };
    if (!std::ranges::any_of(schema["anyOf"], fits)) problems.push_back(place + ": fits none of anyOf: " + value.dump());
  }
  if (schema.contains("if") && check(value, schema["if"]).empty()) walk(value, schema["then"], place, problems);
  if (value.is_array()) {
    if (schema.contains("maxItems") && value.size() > schema["maxItems"]) problems.push_back(place + ": too many items");
    if (schema.value("uniqueItems", false) && std::set<json>(value.begin(), value.end()).size() < value.size())
      problems.push_back(place + ": an item comes twice");
    for (std::size_t i = 0; schema.contains("items") && i < value.size(); ++i) {
      walk(value[i], schema["items"], fmt::format("{}[{}]", place, i), problems);
    }
  }
  if (!value.is_object()) return;
  for (const auto& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>())) problems.push_back(fmt::format("{}: {} is missing", place, name.dump()));
  }
  const auto dependent = schema.value("dependentRequired", json::object());
  for (const auto& [name, others] : dependent.items()) {
    for (const auto& other : others) {
      if (value.contains(name) && !value.contains(other.get<std::string>()))
        problems.push_back(fmt::format("{}: {} is missing beside {}", place, other.dump(), name));
    }
  }
  const auto properties = schema.value("properties", json::object());
  for (const auto& [name, each] : value.items()) {
    const auto at = fmt::format("{}.{}", place, name);
    if (properties.contains(name)) {
      walk(each, properties[name], at, problems);
    } else if (schema.contains("additionalProperties")) {
      const auto& more = schema["additionalProperties"];
      if (more.is_object()) walk(each, more, at, problems);
      if (more == false) problems.push_back(at + ": is not documented");
    }
  }
}

}  // namespace vpn_sentinel
