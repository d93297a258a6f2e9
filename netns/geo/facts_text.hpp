/// Values of databases and services as they may be kept: bounded, clean, of one form. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// At most 100 bytes, cut between characters; control characters become '?'; what is no UTF-8 is nothing.
[[nodiscard]] std::string facts_text(std::string_view text);
/// Two ASCII letters, as capitals; anything else is nothing (a full name, "Unknown", "ZZ" for nowhere).
[[nodiscard]] std::string country_word(std::string_view text);
/// "AS64500", "as64500" or "64500"; 0 and what does not fit into 32 bits are nothing.
[[nodiscard]] std::optional<std::uint32_t> parse_asn(std::string_view text);
/// "AS64500 Example Networks": number and name; either may be missing.
void take_as_line(AddressFacts& facts, std::string_view line);
/// Fills in what `facts` lacks.
void fill_gaps(AddressFacts& facts, const AddressFacts& more);

}  // namespace vpn_sentinel
