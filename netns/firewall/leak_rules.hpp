/// The tables that count or drop what leaves outside, as values. Pure.
///
/// Two tables. `inet` judges what local programs send and what is forwarded (hook postrouting, behind all others: they may still
/// change the way or drop it). `netdev` judges everything that a named uplink transmits (hook egress, Linux 5.16), so also what is sent by
/// AF_PACKET: first whether a frame is what it says (chains "frames" and "ethernet"). Both have the same rules in the chain "outside":
/// tunnel, loopback, endpoint and what is allowed on purpose may pass (from there to "not_allowed" when users are allowed), where
/// "let_pass" counts DNS among it. To a VPN server nothing else may go ("at_server"). Neighbour discovery ("neighbours") and DHCP may pass
/// on their link, then DNS is counted. In "networks" local networks may pass, and IPv4 and IPv6 are counted. What is outside goes on to the
/// chain "seen", which notes destination and user.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
inline constexpr std::string_view other = "outside_other";
inline constexpr std::string_view local = "local_networks";
inline constexpr std::string_view passed_dns = "passed_dns";
inline constexpr std::string_view answers = "answers";
inline constexpr std::string_view upkeep = "link_upkeep";
inline constexpr std::string_view unlisted = "outside_unlisted";
inline constexpr std::string_view seen_v4 = "seen_v4";
inline constexpr std::string_view seen_v6 = "seen_v6";
inline constexpr std::string_view bell = "bell";
}  // namespace leak_names

inline constexpr std::uint32_t most_seen_destinations = 1024;  ///< of each family and table
inline constexpr std::chrono::minutes seen_timeout{10};        ///< a destination is forgotten so long after its last packet
inline constexpr std::uint32_t nobody = 0xffffffff;            ///< the uid of packets that belong to no socket

/// "vpn-sentinel-ID-meter" or "vpn-sentinel-ID-killswitch".
[[nodiscard]] std::string firewall_table_name(OutsideAction action, std::string_view id);
/// True for the names that firewall_table_name makes with this action, whatever the id.
[[nodiscard]] bool is_firewall_table(OutsideAction action, std::string_view name);

/// The id in such a name.
[[nodiscard]] std::string firewall_id_of(OutsideAction action, std::string_view name);

/// An uplink as it is there: one that was unplugged and came again has another index.
struct JudgedDevice {
  std::string name;
  std::uint32_t index = 0;
  friend bool operator==(const JudgedDevice&, const JudgedDevice&) = default;
};

/// For a policy and an id that were checked. `flags`: nft::flag_owner, nft::flag_persist. `rings`: the kernel tells listeners of the first
/// packet outside (a quota; see LeakBell). What leaves by one
/// of `elsewhere` is judged by the other table alone.
[[nodiscard]] nft::Ruleset output_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags,
                                          bool rings = false, const std::vector<JudgedDevice>& elsewhere = {});
/// The same on the way out of policy.uplinks, of which there must be one.
[[nodiscard]] nft::Ruleset egress_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags,
                                          bool rings = false);

/// Everything but the chains that the kernel calls, and their rules: such a table judges no packet.
[[nodiscard]] nft::Ruleset without_hooks(const nft::Ruleset& ruleset);
/// Those chains and their rules alone.
[[nodiscard]] nft::Ruleset only_hooks(const nft::Ruleset& ruleset);

}  // namespace vpn_sentinel
