/// status_page.css and status_page.js, embedded into the binary by packaging/cmake/Embed.cmake.
#pragma once

#include <span>

#include "hub/http/asset.hpp"

namespace vpn_sentinel {

/// Two files.
[[nodiscard]] std::span<const Asset> status_page_assets();

}  // namespace vpn_sentinel
