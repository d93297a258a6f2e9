/// The values of the settings that allow a bypass: ranges of users, marks with masks, tables. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "netns/base/result.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// Decimal, or hexadecimal with 0x, up to 32 bits.
[[nodiscard]] Result<std::uint32_t> parse_number(std::string_view text);
/// "1000" or "2000-2999". The Error's message says what was expected.
[[nodiscard]] Result<UidRange> parse_uid_range(std::string_view text);
/// "0x1" or "0x80000/0xff0000", as ip-rule(8) writes them; the value 0 is refused: unmarked packets are everybody's.
[[nodiscard]] Result<MarkMatch> parse_mark(std::string_view text);

}  // namespace vpn_sentinel
