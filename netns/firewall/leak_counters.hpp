/// What was counted outside the tunnel, as a value. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel {

using Traffic = nft::Traffic;

/// Who sent where. The kernel forgets it ten minutes after the last packet.
struct LeakDestination {
  IpAddress address;
  std::uint8_t protocol = 0;           ///< IPPROTO_*
  std::uint16_t port = 0;              ///< of UDP and TCP
  std::optional<std::uint32_t> uid{};  ///< of the program that made the socket; empty: no socket (forwarded, or the kernel itself)
  Traffic traffic{};
  friend bool operator==(const LeakDestination&, const LeakDestination&) = default;
};

struct LeakCounters {
  Traffic dns;                                ///< ports 53 and 853, also to local networks
  Traffic v4;                                 ///< other IPv4
  Traffic v6;                                 ///< other IPv6
  Traffic endpoint_misuse;                    ///< to the VPN server's address, and not the tunnel's
  Traffic local;                              ///< to local networks, which is allowed
  Traffic unlisted;                           ///< of the first four: those that `destinations` had no room for
  std::vector<LeakDestination> destinations;  ///< of the first four, most bytes first

  /// All that should have gone by the tunnel: the first four.
  [[nodiscard]] Traffic outside() const noexcept;
  friend bool operator==(const LeakCounters&, const LeakCounters&) = default;
};

/// The key of an element: address, protocol, port, user, four bytes for each of the last three. invalid: the length is another one.
[[nodiscard]] Result<LeakDestination> decode_destination(const nft::Element& element, Family family);

/// From what was read of one table. not_found: one of our counters is missing.
[[nodiscard]] Result<LeakCounters> make_leak_counters(std::span<const nft::Counter> counters, std::span<const nft::Element> v4,
                                                      std::span<const nft::Element> v6);

/// One packet may have been counted by both tables: of each number that with more packets, else `first`'s. (At the device a packet has its
/// link header, so bytes differ.) At least as many packets were outside.
[[nodiscard]] LeakCounters larger_of(const LeakCounters& first, const LeakCounters& second);

/// Leaves the `most` destinations with most bytes.
void keep_top(LeakCounters& counters, std::size_t most);

}  // namespace vpn_sentinel
