/// What the chain "outside" and those behind it decide, which is the same in both tables of leak_rules: a part of it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/rule_writer.hpp"

namespace vpn_sentinel {

/// See leak_rules for what each is for.
namespace chain_names {
inline constexpr std::string_view outside = "outside";
inline constexpr std::string_view not_allowed = "not_allowed";
inline constexpr std::string_view at_server = "at_server";
inline constexpr std::string_view let_pass = "let_pass";
inline constexpr std::string_view neighbours = "neighbours";
inline constexpr std::string_view networks = "networks";
inline constexpr std::string_view seen = "seen";
inline constexpr std::string_view frames = "frames";
inline constexpr std::string_view ethernet = "ethernet";
}  // namespace chain_names

/// "IPv4" or "IPv6".
[[nodiscard]] std::string_view name_of(Family family);
/// What becomes of a packet outside.
[[nodiscard]] nft::Policy policy_of(OutsideAction action);
/// The chain in which what is neither tunnel nor endpoint nor allowed is judged on.
[[nodiscard]] std::string_view judged(const FirewallPolicy& policy);

/// Ends a rule: its packets are counted there, and noted.
void count_outside(RuleWriter& rules, std::string_view counter, std::string comment);
/// The tunnel first: its packets are most of all. Not at a device, which is none of them.
void write_tunnels_and_loopback(RuleWriter& rules, const FirewallPolicy& policy);
/// Everything else of "outside", and the chains that its rules go to.
void write_rules(RuleWriter& rules, const FirewallPolicy& policy, OutsideAction action);

}  // namespace vpn_sentinel
