/// What those share that judge exit addresses. Pure.
#pragma once

#include <algorithm>

#include "probe/verdict/exit_view.hpp"

namespace vpn_sentinel {

/// The family's member in evidence: "v4" or "v6".
[[nodiscard]] constexpr const char* key_of(Family family) noexcept { return family == Family::v4 ? "v4" : "v6"; }
/// All voices came by plain HTTP.
[[nodiscard]] inline bool all_plain(const ExitOfFamily& exit) {
  return !exit.voices.empty() && std::ranges::all_of(exit.voices, &ExitVoice::plain);
}

}  // namespace vpn_sentinel
