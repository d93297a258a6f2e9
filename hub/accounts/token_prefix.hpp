/// What tokens begin with, so that people and programs tell them apart.
#pragma once

#include <optional>
#include <string_view>

namespace vpn_sentinel {

inline constexpr std::string_view api_token_prefix = "vst_";
inline constexpr std::string_view refresh_token_prefix = "vsr_";

/// Of "vsr_FAMILY.SECRET"; nullopt: it is none.
[[nodiscard]] constexpr std::optional<std::string_view> family_of(std::string_view refresh_token) {
  const auto dot = refresh_token.find('.');
  if (!refresh_token.starts_with(refresh_token_prefix) || dot == std::string_view::npos) return std::nullopt;
  return refresh_token.substr(refresh_token_prefix.size(), dot - refresh_token_prefix.size());
}

}  // namespace vpn_sentinel
