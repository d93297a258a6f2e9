/// Bytes -> one JSON object, with limits on size and depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {

/// Deeper JSON is refused: no report needs more than five levels.
inline constexpr int most_json_depth = 32;

/// Nesting of brackets outside strings. Counted before parsing, so that depth never costs memory.
[[nodiscard]] int json_depth(std::string_view body);

/// What Python calls false: {}, [], null, 0, "", false.
[[nodiscard]] bool is_falsy(const nlohmann::json& value);

/// The object in `body`. "No JSON data provided" for what the Python original calls empty; malformed JSON is a 400 with the byte at
/// which reading stopped.
[[nodiscard]] tl::expected<nlohmann::json, Rejection> parse_object(std::string_view body);

}  // namespace vpn_sentinel
