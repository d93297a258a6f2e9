/// A file that packaging/cmake/Embed.cmake put into the binary.
#pragma once

#include <string_view>

namespace vpn_sentinel {

struct Asset {
  std::string_view name;  ///< "app.js"
  std::string_view body;
};

}  // namespace vpn_sentinel
