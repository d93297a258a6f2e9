#include "netns/firewall/ruleset_bell.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {
namespace {

/// More come with the next call: whoever changes rules all the time must not hold the caller up.
constexpr int most_reads = 64;

}  // namespace

Result<Fd> open_ruleset_bell(const SocketOpener& opener) {
  auto bell = opener(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  if (!bell) return fail(bell.error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (NFNLGRP_NFTABLES - 1U);
  if (::bind(bell->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(system_error(errno, "listening for changes of nf_tables"));
  }
  return std::move(*bell);
}

namespace {

/// Each kind of message but NEWGEN, which is about none, names its table in the attribute 1 (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE …).
bool is_about(std::span<const std::byte> datagram, std::string_view table) {
  constexpr std::uint16_t table_attribute = 1;
  constexpr std::uint16_t kind_bits = 0xff;
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if ((message->type & kind_bits) == NFT_MSG_NEWGEN) continue;
    if (message->payload.size() < sizeof(nfgenmsg)) return true;
    AttributeCursor attributes{message->payload.subspan(sizeof(nfgenmsg))};
    const auto first = attributes.next();
    if (!first || first->type != table_attribute || first->as_string() == table) return true;
  }
  return false;
}

}  // namespace

bool drain_ruleset_bell(int bell, std::string_view table) {
  std::array<std::byte, netlink_datagram_size> buffer;
  bool rang = false;
  for (int i = 0; i < most_reads; ++i) {
    const auto count = ::recv(bell, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return rang || errno == ENOBUFS;
    const auto size = static_cast<std::size_t>(count);
    rang = rang || table.empty() || size > buffer.size() || is_about(std::span(buffer).first(size), table);
  }
  return rang;
}

}  // namespace vpn_sentinel
