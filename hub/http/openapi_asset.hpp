/// openapi.json, embedded into the binary by packaging/cmake/Embed.cmake.
#pragma once

#include <span>

#include "hub/http/asset.hpp"

namespace vpn_sentinel {

/// One file.
[[nodiscard]] std::span<const Asset> openapi_assets();

}  // namespace vpn_sentinel
