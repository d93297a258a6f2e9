/// When replies are packed (gzipped() does it). Pure.
#pragma once

#include <string_view>

#include "probe/report/gzip.hpp"

namespace vpn_sentinel {

/// Smaller replies fit into one packet anyway.
inline constexpr std::size_t worth_gzip = 1024;

/// True when an Accept-Encoding header names gzip (or *) with a weight above 0 (RFC 9110 12.5.3).
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

}  // namespace vpn_sentinel
