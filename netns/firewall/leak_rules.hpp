/// The tables that count or drop what leaves outside, as values. Pure.
///
/// Two tables. `inet` judges what local programs send and what is forwarded (hooks output and forward, priority 300: behind mangle, which
/// may still change the way). `netdev` judges everything that a named uplink transmits (hook egress, Linux 5.16), so also what is sent by
/// AF_PACKET. Both have the same rules in the chain "outside": loopback, tunnel, endpoint, what is allowed on purpose, neighbour discovery
/// and DHCP may pass; then DNS, local networks, IPv4 and IPv6 are counted (in a chain "not_allowed" when users are allowed). What is
/// outside goes on to the chain "seen", which notes destination and user.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel {

/// What happens to a packet outside.
enum class OutsideAction : std::uint8_t { count, drop };

/// Names of counters and sets; also shown by "nft list ruleset".
namespace leak_names {
inline constexpr std::string_view dns = "outside_dns";
inline constexpr std::string_view v4 = "outside_v4";
inline constexpr std::string_view v6 = "outside_v6";
inline constexpr std::string_view endpoint_misuse = "endpoint_misuse";
inline constexpr std::string_view local = "local_networks";
inline constexpr std::string_view unlisted = "outside_unlisted";
inline constexpr std::string_view seen_v4 = "seen_v4";
inline constexpr std::string_view seen_v6 = "seen_v6";
inline constexpr std::string_view bell = "bell";
}  // namespace leak_names

inline constexpr std::uint32_t most_seen_destinations = 1024;  ///< of each family and table
inline constexpr std::uint32_t nobody = 0xffffffff;            ///< the uid of packets that belong to no socket

/// "vpn-sentinel-ID-meter" or "vpn-sentinel-ID-killswitch".
[[nodiscard]] std::string firewall_table_name(OutsideAction action, std::string_view id);
/// True for the names that firewall_table_name makes with this action, whatever the id.
[[nodiscard]] bool is_firewall_table(OutsideAction action, std::string_view name);

/// The id in such a name.
[[nodiscard]] std::string firewall_id_of(OutsideAction action, std::string_view name);

/// For a policy and an id that were checked. `flags`: nft::flag_owner, nft::flag_persist. `rings`: the kernel tells listeners of the first
/// packet outside (a quota; see LeakBell).
[[nodiscard]] nft::Ruleset output_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags,
                                          bool rings = false);
/// The same on the way out of policy.uplinks, of which there must be one.
[[nodiscard]] nft::Ruleset egress_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags,
                                          bool rings = false);

/// Everything but the chains that the kernel calls, and their rules: such a table judges no packet.
[[nodiscard]] nft::Ruleset without_hooks(const nft::Ruleset& ruleset);
/// Those chains and their rules alone.
[[nodiscard]] nft::Ruleset only_hooks(const nft::Ruleset& ruleset);

}  // namespace vpn_sentinel
