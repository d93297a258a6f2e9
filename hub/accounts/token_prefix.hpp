/// What tokens begin with, so that people and programs tell them apart.
#pragma once

#include <string_view>

namespace vpn_sentinel {

inline constexpr std::string_view api_token_prefix = "vst_";
inline constexpr std::string_view refresh_token_prefix = "vsr_";

}  // namespace vpn_sentinel
