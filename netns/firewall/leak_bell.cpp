#include "netns/firewall/leak_bell.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>

#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/nft_decode.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t group_of_changes = 1U << (NFNLGRP_NFTABLES - 1);
/// Somebody who loads a large ruleset must not keep the loop busy.
constexpr int most_datagrams_per_turn = 256;

constexpr std::uint16_t type_of(unsigned message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | message); }

}  // namespace

Result<LeakBell> LeakBell::open(const SocketOpener& opener, std::string_view id) {
  auto socket = open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_NETFILTER); }, group_of_changes);
  if (!socket) return fail(socket.error());
  return LeakBell{std::move(*socket), firewall_table_name(OutsideAction::count, id)};
}

Result<bool> LeakBell::take() {
  bool rings = false;
  std::array<std::byte, netlink_datagram_size> buffer;
  for (int i = 0; i < most_datagrams_per_turn; ++i) {
    const auto datagram = receive_netlink(socket_.fd.get(), buffer);
    switch (datagram.outcome) {
      case Datagram::Outcome::data:
        rings = rings || rings_bell(datagram.bytes, table_);
        break;
      case Datagram::Outcome::overrun:
        rings = true;
        break;
      case Datagram::Outcome::foreign:
        break;
      case Datagram::Outcome::empty:
        return rings;
      case Datagram::Outcome::failed:
        return fail(system_error(datagram.code, "listening to nf_tables"));
    }
  }
  return rings;
}

bool rings_bell(std::span<const std::byte> datagram, std::string_view table) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->type == type_of(NFT_MSG_NEWOBJ)) {
      // The family is that of the packet here, not the table's.
      const auto quota = nft::decode_quota(message->payload);
      if (quota && quota->table.name == table) return true;
    } else if (message->type == type_of(NFT_MSG_DELTABLE)) {
      const auto gone = nft::decode_table(message->payload);
      if (gone && gone->name.name == table) return true;
    }
  }
  return false;
}

}  // namespace vpn_sentinel
