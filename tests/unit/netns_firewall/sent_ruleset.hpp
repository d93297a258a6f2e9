/// What a batch would tell the kernel, decoded again: as if the kernel had kept everything and listed it.
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <boost/test/unit_test.hpp>

#include "netns/firewall/nft_batch.hpp"
#include "netns/firewall/nft_decode.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel {

inline nft::Ruleset sent_ruleset(const nft::Ruleset& ruleset) {
  nft::Batch batch{1};
  batch.add(ruleset);
  const auto bytes = batch.finish();
  BOOST_REQUIRE(bytes.has_value());
  nft::Ruleset sent;
  MessageCursor messages{*bytes};
  while (const auto message = messages.next()) {
    switch (message->type & 0xff) {
      case NFT_MSG_NEWTABLE:
        sent.table = nft::decode_table(message->payload).value();
        break;
      case NFT_MSG_NEWCHAIN:
        sent.chains.push_back(nft::decode_chain(message->payload).value().value);
        break;
      case NFT_MSG_NEWSET:
        sent.sets.push_back(nft::decode_set(message->payload).value().value);
        break;
      case NFT_MSG_NEWOBJ:
        if (const auto quota = nft::decode_quota(message->payload)) {
          sent.quotas.push_back(quota->value);
        } else {
          sent.counters.push_back(nft::decode_counter(message->payload).value().value.name);
        }
        break;
      case NFT_MSG_NEWRULE:
        sent.rules.push_back(nft::decode_rule(message->payload).value().value);
        break;
      default:
        break;
    }
  }
  return sent;
}

}  // namespace vpn_sentinel
