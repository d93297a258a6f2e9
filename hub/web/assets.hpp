/// The dashboard's files, embedded into the binary by packaging/cmake/Embed.cmake.
#pragma once

#include <span>

#include "hub/http/asset.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::span<const Asset> web_assets();

}  // namespace vpn_sentinel
