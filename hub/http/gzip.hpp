/// gzip (RFC 1952) for replies. Pure.
#pragma once

#include <string>
#include <string_view>

namespace vpn_sentinel {

/// Smaller replies fit into one packet anyway.
inline constexpr std::size_t worth_gzip = 1024;

/// The fastest level: JSON with the same keys over and over shrinks to a tenth in any case. Throws std::bad_alloc only.
[[nodiscard]] std::string gzipped(std::string_view text);

/// True when an Accept-Encoding header names gzip (or *) with a weight above 0 (RFC 9110 12.5.3).
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

}  // namespace vpn_sentinel
