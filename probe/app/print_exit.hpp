/// The layer "exit" of check: addresses, where they are, who says so, and what the uplink's address is. Pure.
#pragma once

#include <string>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string print_exit(const CheckView& view);

}  // namespace vpn_sentinel
