/// Findings: what is wrong with a target. One table gives every code its severity, meaning and advice; docs and pages come from it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// The light of a target. The order is the order of severity among judged states; offline is the hub's own.
enum class State : std::uint8_t { secure, warning, contained, danger, offline };

/// How bad one finding is by itself. `information` never changes the state.
enum class Severity : std::uint8_t { information, warning, contained, danger };

[[nodiscard]] std::string_view to_string(State state);
[[nodiscard]] std::optional<State> parse_state(std::string_view text);
[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text);

struct Finding {
  std::string code;  ///< snake_case, stable; unknown codes from newer probes are kept
  Severity severity = Severity::warning;
  WallTime since{};
  nlohmann::json evidence = nlohmann::json::object();
  friend bool operator==(const Finding&, const Finding&) = default;
};

/// The most severe finding decides; none: secure.
[[nodiscard]] State state_of(std::span<const Finding> findings);

/// One row of the finding table.
struct FindingText {
  std::string_view code;
  Severity severity;         ///< usual severity; the judge may lower or raise it with a reason
  std::string_view meaning;  ///< one sentence
  std::string_view advice;   ///< what a user can do
};
[[nodiscard]] std::span<const FindingText> finding_table();
/// Null for a code that is not in the table.
[[nodiscard]] const FindingText* find_text(std::string_view code);

}  // namespace vpn_sentinel
