/// The attributes of one message of nf_tables (linux/netfilter/nf_tables.h). Pure.
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstddef>
#include <span>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_values.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::nft {

static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 && NFTA_OBJ_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1);

/// Calls `take` for each attribute; returns the table's name, whose attribute has the number 1 in each of these messages.
template <typename Take>
[[nodiscard]] Result<TableName> walk_attributes(std::span<const std::byte> payload, const Take& take) {
  const auto header = take_header<nfgenmsg>(payload);
  if (!header) return fail(Error::Kind::invalid, "the nf_tables message is shorter than its header");
  TableName table{header->nfgen_family, {}};
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == 1) {
      table.name = attribute->as_string();
    } else {
      take(*attribute);
    }
  }
  if (table.name.empty()) return fail(Error::Kind::invalid, "the nf_tables message names no table");
  return table;
}

}  // namespace vpn_sentinel::nft
