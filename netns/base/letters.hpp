/// Letters of ASCII; other bytes stay as they are, whatever the locale.
#pragma once

namespace vpn_sentinel {

[[nodiscard]] constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace vpn_sentinel
