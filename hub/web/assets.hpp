/// The dashboard's files, embedded into the binary by packaging/cmake/Embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace vpn_sentinel {

struct Asset {
  std::string_view name;  ///< "app.js"
  std::string_view body;
};

[[nodiscard]] std::span<const Asset> web_assets();

}  // namespace vpn_sentinel
