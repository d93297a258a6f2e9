/// The expressions of a rule and the small values in attributes (linux/netfilter/nf_tables.h): a part of nft_decode. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netns/firewall/nft_values.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::nft {

/// A number in network order; empty unless the attribute has exactly its size.
[[nodiscard]] std::optional<std::uint32_t> number32(const Attribute& attribute) noexcept;
[[nodiscard]] std::optional<std::uint64_t> number64(const Attribute& attribute) noexcept;

/// A register of 16 bytes (NFT_REG_1 to 4) or of four (NFT_REG32_*), counted in words (0-15); empty: that of the verdict, or none.
[[nodiscard]] std::optional<std::uint8_t> register_word(const Attribute& attribute) noexcept;

/// NFTA_EXPR_NAME within an attribute; empty: none.
[[nodiscard]] std::string_view expression_name(const Attribute& expression) noexcept;

/// NFTA_DATA_VALUE within an attribute, at most 64 bytes (NFT_DATA_VALUE_MAXLEN); else empty.
[[nodiscard]] Bytes value_bytes(const Attribute& attribute);

/// NFTA_COUNTER_BYTES and NFTA_COUNTER_PACKETS within an attribute.
[[nodiscard]] Traffic decode_traffic(const Attribute& attribute) noexcept;
/// An expression with the name "counter"; nothing counted for another one.
[[nodiscard]] Traffic decode_counter_expression(const Attribute& attribute) noexcept;

/// NFTA_LIST_ELEM of NFTA_RULE_EXPRESSIONS.
[[nodiscard]] Expression decode_expression(const Attribute& attribute);

}  // namespace vpn_sentinel::nft
