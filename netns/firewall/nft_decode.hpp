/// Bytes of nf_tables to values (linux/netfilter/nf_tables.h). Pure. `payload` is what follows struct nlmsghdr: a struct nfgenmsg and
/// attributes. Numbers in attributes are in network order. Attributes that we never write and that change what a rule does make an
/// Unknown of it; others are skipped. invalid: the message is not of this kind, or lacks what the value cannot be without.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel::nft {

/// More than any of our own rules has; what goes on is cut and ends in an Unknown.
inline constexpr std::size_t most_expressions = 32;

/// A value and the table that it belongs to.
template <typename Value>
struct Owned {
  TableName table;
  Value value;
  friend bool operator==(const Owned&, const Owned&) = default;
};

/// NFT_MSG_NEWTABLE.
[[nodiscard]] Result<Table> decode_table(std::span<const std::byte> payload);
/// NFT_MSG_NEWCHAIN.
[[nodiscard]] Result<Owned<Chain>> decode_chain(std::span<const std::byte> payload);
/// NFT_MSG_NEWRULE.
[[nodiscard]] Result<Owned<Rule>> decode_rule(std::span<const std::byte> payload);
/// NFT_MSG_NEWSET.
[[nodiscard]] Result<Owned<Set>> decode_set(std::span<const std::byte> payload);
/// NFT_MSG_NEWOBJ of a counter.
[[nodiscard]] Result<Owned<Counter>> decode_counter(std::span<const std::byte> payload);
/// NFT_MSG_NEWOBJ of a quota of one byte that counts up to it: its name.
[[nodiscard]] Result<Owned<std::string>> decode_quota(std::span<const std::byte> payload);
/// NFT_MSG_NEWSETELEM: the elements with a counter of their own that one message carries; at most `most` are taken.
[[nodiscard]] Result<Owned<std::vector<Element>>> decode_elements(std::span<const std::byte> payload, std::size_t most);

/// The comment in NFTA_RULE_USERDATA, which is records of a type, a length and a value; empty: none.
[[nodiscard]] std::string comment_of(std::span<const std::byte> data);

/// The text of an extended acknowledgement (NLMSGERR_ATTR_MSG), cut to 200 printable bytes; empty: the kernel said nothing more.
/// `payload` is that of NLMSG_ERROR, `flags` its nlmsg_flags.
[[nodiscard]] std::string decode_error_text(std::span<const std::byte> payload, std::uint16_t flags);

}  // namespace vpn_sentinel::nft
