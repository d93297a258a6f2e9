/// What left during an incident, as the store keeps it, and the counters of a stored report.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "hub/state/exposure.hpp"

namespace vpn_sentinel {

[[nodiscard]] nlohmann::json encode_exposure(const Exposure& exposure);
/// Throws json::exception when a member is missing or has another type.
[[nodiscard]] Exposure decode_exposure(const nlohmann::json& list);

/// `text`: member "leak" of a stored report. Nullopt: there is none, or another version wrote it.
[[nodiscard]] BoxedOptional<LeakReport> decode_leak_text(std::string_view text);

}  // namespace vpn_sentinel
