/// The kernel's connection tracking as values (linux/netfilter/nfnetlink_conntrack.h). Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// One direction of a connection.
struct TrackedDirection {
  Endpoint source;  ///< port 0: the protocol has none
  Endpoint destination;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  ///< with IP headers
  friend bool operator==(const TrackedDirection&, const TrackedDirection&) = default;
};

struct TrackedConnection {
  std::uint8_t protocol = 0;  ///< IPPROTO_*
  TrackedDirection original;  ///< as who began it sent
  TrackedDirection reply;     ///< as answers look; with address translation not the original turned round
  /// False: net.netfilter.nf_conntrack_acct was off when it began, and the numbers say nothing.
  bool counted = false;
  std::uint32_t mark = 0;  ///< of the connection, not of packets
  std::uint16_t zone = 0;
  std::uint32_t id = 0;                           ///< a name while it lasts; 0: not told
  bool answered = false;                          ///< IPS_SEEN_REPLY
  std::optional<std::chrono::seconds> expires{};  ///< when nothing comes any more
  bool assured = false;                           ///< IPS_ASSURED: of UDP that both sides went on, on newer kernels for two seconds
  friend bool operator==(const TrackedConnection&, const TrackedConnection&) = default;
};

/// IPCTNL_MSG_CT_NEW or _DELETE; `payload` is what follows struct nlmsghdr. Attributes of a wrong size count as absent. invalid: it has
/// no original direction with two addresses of one family and a protocol.
[[nodiscard]] Result<TrackedConnection> decode_tracked_connection(std::span<const std::byte> payload);

}  // namespace vpn_sentinel
