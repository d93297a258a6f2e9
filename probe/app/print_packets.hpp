/// The line of `check` about packets that were counted outside the tunnel. Pure.
#pragma once

#include <string>

#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// Empty: nothing was to be counted.
[[nodiscard]] std::string print_packets(const Observation& seen);

}  // namespace vpn_sentinel
