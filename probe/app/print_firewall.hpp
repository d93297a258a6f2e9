/// What the firewall's rules would do to packets outside the tunnel, for people.
#pragma once

#include <string>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

/// Empty when the rules were not asked for.
[[nodiscard]] std::string print_firewall(const CheckView& view);

}  // namespace vpn_sentinel
