/// Packets that a firewall rule logs (nft: `log group N`, iptables: `-j NFLOG --nflog-group N`) as values
/// (linux/netfilter/nfnetlink_log.h). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct LoggedPacket {
  std::uint8_t protocol = 0;  ///< IPPROTO_* after IPv6 extension headers; 0: the copy ends before
  Endpoint source;            ///< port 0: none, or the copy ends before, or it is no first fragment
  Endpoint destination;
  std::uint32_t bytes = 0;             ///< of the packet, with its IP header, as that says
  std::uint32_t in_index = 0;          ///< of the device that it came by; 0: made here
  std::uint32_t out_index = 0;         ///< of the device that it would leave by; 0: not decided, or it is for this host
  std::optional<std::uint32_t> uid{};  ///< of the program that made the socket; absent: no socket
  std::uint32_t mark = 0;
  std::string prefix;                       ///< the rule's own words, at most 127 bytes; control characters replaced
  std::optional<std::uint32_t> sequence{};  ///< of the group: a gap means that some were lost
  friend bool operator==(const LoggedPacket&, const LoggedPacket&) = default;
};

/// NFULNL_MSG_PACKET; `payload` is what follows struct nlmsghdr. invalid: without a copy of at least the IP header, or no IP.
[[nodiscard]] Result<LoggedPacket> decode_logged_packet(std::span<const std::byte> payload);

}  // namespace vpn_sentinel
