/// Bytes of nf_tables to values of the whole ruleset (linux/netfilter/nf_tables.h). Pure. `payload` is what follows struct nlmsghdr. What
/// is not understood becomes a step that may do anything, or a value that is not known: never nothing. invalid: the message is not of this
/// kind, or lacks what the value cannot be without.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/ruleset_values.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::audit {

/// Of one rule; what goes on ends in an Anything.
inline constexpr std::size_t most_steps = 128;

/// A value, the table that it belongs to, and for a rule its chain, for elements their set.
template <typename Value>
struct Owned {
  nft::TableName table;
  std::string owner;
  Value value;
};

/// NFT_MSG_NEWTABLE.
[[nodiscard]] Result<Table> decode_table(std::span<const std::byte> payload);
/// NFT_MSG_NEWCHAIN.
[[nodiscard]] Result<Owned<Chain>> decode_chain(std::span<const std::byte> payload);
/// NFT_MSG_NEWRULE.
[[nodiscard]] Result<Owned<Rule>> decode_rule(std::span<const std::byte> payload);
/// NFT_MSG_NEWSET.
[[nodiscard]] Result<Owned<Set>> decode_set(std::span<const std::byte> payload);

struct Elements {
  std::vector<Element> elements;
  bool unsteady = false;  ///< some have a time-out or a condition of their own
};
/// NFT_MSG_NEWSETELEM: what one message carries.
[[nodiscard]] Result<Owned<Elements>> decode_elements(std::span<const std::byte> payload);
/// NFTA_GEN_ID of NFT_MSG_NEWGEN.
[[nodiscard]] Result<std::uint32_t> decode_generation(std::span<const std::byte> payload);

/// NFTA_DATA_VERDICT within an attribute; empty: it holds none.
[[nodiscard]] std::optional<Decide> decode_verdict(const Attribute& data);

/// NFTA_LIST_ELEM of NFTA_RULE_EXPRESSIONS: one expression; those of iptables may be several steps.
void decode_steps(const Attribute& expression, std::vector<Step>& steps);

}  // namespace vpn_sentinel::audit
