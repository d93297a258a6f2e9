/// Text from outside that people will read.
#pragma once

#include <string>
#include <string_view>

namespace vpn_sentinel {

/// C0 and C1 control characters and DEL, which a terminal may take for commands (ECMA-48), as '?'. Everything else stays as it is.
[[nodiscard]] std::string without_control_characters(std::string_view text);

}  // namespace vpn_sentinel
