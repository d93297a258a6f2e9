/// What the firewall's rules, and the kill switch among them, do to packets outside the tunnel, for people.
#pragma once

#include <string>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

/// Empty when the rules were not asked for.
[[nodiscard]] std::string print_firewall(const CheckView& view);

/// Empty when nobody asked for a kill switch and none is there.
[[nodiscard]] std::string print_kill_switch(const CheckView& view);

}  // namespace vpn_sentinel
