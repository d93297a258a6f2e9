/// Matches and targets of iptables as nf_tables keeps them for iptables-nft (linux/netfilter/nf_tables_compat.h, linux/netfilter/xt_*.h):
/// raw structures in this machine's order. Pure.
#pragma once

#include <vector>

#include "netns/firewall/ruleset_values.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::audit {

/// `data`: NFTA_EXPR_DATA of an expression "match" or "target". What is not understood becomes a MayEnd (a match) or an Anything.
void decode_xtables(bool target, const Attribute& data, std::vector<Step>& steps);

}  // namespace vpn_sentinel::audit
