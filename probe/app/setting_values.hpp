/// What the readers of the probe's settings share.
#pragma once

#include <string_view>

#include "netns/base/result.hpp"
#include "netns/daemon/settings.hpp"

namespace vpn_sentinel {

/// The Error of a value that is refused: the setting's environment name, the value, where it came from, and what was expected.
[[nodiscard]] tl::unexpected<Error> wrong_setting(const Settings& settings, std::string_view key, std::string_view value,
                                                  std::string_view expected);
/// "http://" or "https://" and something behind it.
[[nodiscard]] bool is_http_url(std::string_view url);

}  // namespace vpn_sentinel
