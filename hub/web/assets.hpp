/// The dashboard's files, made by build.mjs and embedded into the binary by packaging/cmake/Embed.cmake. NAME.gz is NAME packed; names of
/// scripts and styles change with their content.
#pragma once

#include <span>

#include "hub/http/asset.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::span<const Asset> web_assets();

}  // namespace vpn_sentinel
