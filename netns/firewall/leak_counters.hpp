/// What was counted outside the tunnel, as a value. Pure.
#pragma once

#include <array>
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
  Traffic dns;              ///< ports 53 and 853, also to local networks
  Traffic v4;               ///< other IPv4
  Traffic v6;               ///< other IPv6
  Traffic endpoint_misuse;  ///< to the VPN server's address, and not the tunnel's
  /// Frames that a program wrote to an uplink itself and that are no IP, or that say they are something else than they are. ARP, EAPOL and
  /// LLDP, which never leave a link, are not counted.
  Traffic other{};
  Traffic local;         ///< to local networks, which is allowed
  Traffic passed_dns{};  ///< ports 53 and 853 of who may pass (users, marks, tables), and to VPN servers of which no port is known
  Traffic answers{};     ///< of the kernel to what strangers sent: resets, ICMP errors and echo replies of nobody; DHCP renewals
  Traffic upkeep{};      ///< of the link: neighbour discovery, multicast listeners, DHCP; allowed
  Traffic unlisted;      ///< of what is outside: those that `destinations` had no room for, and all of `other`
  std::vector<LeakDestination> destinations;  ///< of what is outside, most bytes first

  /// All that should have gone by the tunnel: the first five.
  [[nodiscard]] Traffic outside() const noexcept;
  friend bool operator==(const LeakCounters&, const LeakCounters&) = default;
};

/// All numbers of LeakCounters.
inline constexpr std::array<Traffic LeakCounters::*, 10> all_traffic{
    &LeakCounters::dns,   &LeakCounters::v4,         &LeakCounters::v6,      &LeakCounters::endpoint_misuse, &LeakCounters::other,
    &LeakCounters::local, &LeakCounters::passed_dns, &LeakCounters::answers, &LeakCounters::upkeep,          &LeakCounters::unlisted};

/// The key of an element: address, protocol, port, user, four bytes for each of the last three. invalid: the length is another one.
[[nodiscard]] Result<LeakDestination> decode_destination(const nft::Element& element, Family family);

/// From what was read of one table. not_found: one of our counters is missing.
[[nodiscard]] Result<LeakCounters> make_leak_counters(std::span<const nft::Counter> counters, std::span<const nft::Element> v4,
                                                      std::span<const nft::Element> v6);

/// Of two tables together. `pass_both`: what may pass, passes both of them and is counted twice, so that the larger number is its; what is
/// outside is counted by one of them only in any case. (At the device a packet has its link header.)
[[nodiscard]] LeakCounters sum_of(const LeakCounters& first, const LeakCounters& second, bool pass_both);

/// Leaves the `most` destinations with most bytes.
void keep_top(LeakCounters& counters, std::size_t most);

}  // namespace vpn_sentinel
