/// What the settings that name addresses of the web accept.
#pragma once

#include <string_view>

namespace vpn_sentinel {

/// "http://" or "https://" and something behind it.
[[nodiscard]] constexpr bool is_http_url(std::string_view url) {
  return (url.starts_with("http://") && url.size() > 7) || (url.starts_with("https://") && url.size() > 8);
}

}  // namespace vpn_sentinel
