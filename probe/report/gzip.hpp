/// gzip (RFC 1952), as flow batches and replies of the hub are packed. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// The fastest level: JSON with the same keys over and over shrinks to a tenth in any case. Throws std::bad_alloc only.
[[nodiscard]] std::string gzipped(std::string_view text);

/// One gzip member and nothing behind it. overrun: it holds more than `most` bytes, which are never kept in memory; invalid: it is no
/// gzip, damaged or cut off.
[[nodiscard]] Result<std::string> gunzipped(std::string_view packed, std::size_t most);

}  // namespace vpn_sentinel
