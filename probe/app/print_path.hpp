/// The layers "udp" and "path" of check: by which address arbitrary UDP leaves, large packets, round trips. Pure.
#pragma once

#include <string>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string print_path(const CheckView& view);

}  // namespace vpn_sentinel
