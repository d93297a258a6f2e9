/// Bytes -> one JSON object, with limits on size and depth.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {

/// Deeper JSON is refused: no report needs more than five levels.
inline constexpr int most_json_depth = 32;

/// What brackets and colons outside strings tell about a text that may be JSON, in one pass and before parsing, so that depth never costs
/// memory.
struct JsonShape {
  int depth = 0;
  std::size_t members = 0;  ///< of all objects together, repeated ones too
};
[[nodiscard]] JsonShape shape_of(std::string_view body);

/// What Python calls false: {}, [], null, 0, "", false.
[[nodiscard]] bool is_falsy(const nlohmann::json& value);

/// A value from outside as a message may show it: JSON in ASCII, cut to a few dozen characters.
[[nodiscard]] std::string shown(const nlohmann::json& value);

/// The object in `body`. "No JSON data provided" for what the Python original calls empty; malformed JSON is a 400 with the byte at
/// which reading stopped and the key before it; a key that an object has twice is refused, since readers differ in which of them counts.
[[nodiscard]] tl::expected<nlohmann::json, Rejection> parse_object(std::string_view body);

}  // namespace vpn_sentinel
