/// One expression of a rule as libnftnl's object: a part of nft_batch. Pure.
#pragma once

#include <cstddef>

#include "netns/firewall/nft_values.hpp"

struct nftnl_expr;

namespace vpn_sentinel::nft {

inline constexpr std::size_t most_written_expressions = 32;

/// False for an Unknown, and where a name, a value or a word is out of its range.
[[nodiscard]] bool can_encode(const Expression& expression) noexcept;
/// The caller owns the object (nftnl_rule_add_expr takes it). Only for what can_encode. Throws std::bad_alloc.
[[nodiscard]] nftnl_expr* encode_expression(const Expression& expression);

}  // namespace vpn_sentinel::nft
