/// Members of an object that are left out when they say nothing. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace vpn_sentinel {

template <typename T>
void put(nlohmann::json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

inline void put(nlohmann::json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

}  // namespace vpn_sentinel
