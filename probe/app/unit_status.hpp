/// The line that `systemctl status` shows for a running probe. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

/// "3 targets: 2 secure, 1 danger (torrents)". `states`: client id and state of the targets that have been judged; names are told of those
/// that are neither secure nor warning, the worst first, and of those at most eight.
[[nodiscard]] std::string unit_status(std::size_t targets, const std::vector<std::pair<std::string, State>>& states);

}  // namespace vpn_sentinel
