#include "netns/firewall/leak_rules.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "netns/firewall/outside_chain.hpp"
#include "netns/firewall/rule_writer.hpp"

namespace vpn_sentinel {
namespace {

using namespace nft;
using namespace chain_names;

constexpr std::string_view name_begin = "vpn-sentinel-";
constexpr std::string_view meter_end = "-meter";
constexpr std::string_view kill_switch_end = "-killswitch";

// Behind whatever may still change the way of a packet or drop it; the meter behind the kill switch, so that it does not count what that
// drops.
constexpr std::int32_t count_priority = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t drop_priority = count_priority - 1;
constexpr std::uint64_t seen_timeout_ms = std::chrono::milliseconds{seen_timeout}.count();
constexpr std::uint16_t rsn_preauthentication = 0x88c7;  // IEEE 802.11i
constexpr std::uint16_t link_discovery = 0x88cc;         // LLDP, IEEE 802.1AB

// How nft(8) shows a key of several parts: its numbers for an address, inet_proto, inet_service and uid, six bits each.
constexpr std::uint32_t key_type(Family family) { return (family == Family::v4 ? 7U : 8U) << 18 | 12U << 12 | 13U << 6 | 24U; }
constexpr std::uint8_t address_words(Family family) { return family == Family::v4 ? 1 : 4; }

/// Frames that leave a device. What the sender says they are (skb->protocol) decides how the kernel reads them, and what stands in them how
/// their receiver does: both must be the same.
void write_frames(RuleWriter& rules, const FirewallPolicy& policy) {
  rules.start(frames).device_type_is(ARPHRD_ETHER).go_to(ethernet, {});
  // Without a link header (PPP, raw IP) nothing but the packet itself tells what it is.
  for (const auto family : {Family::v4, Family::v6})
    rules.start(frames).is(family).version_is(family).go_to(outside, std::string(name_of(family)));
  rules.start(frames);
  count_outside(rules, leak_names::other, "no IP");
  for (const auto family : {Family::v4, Family::v6}) {
    rules.start(ethernet)
        .is(family)
        .ethertype_is(family == Family::v4 ? ETH_P_IP : ETH_P_IPV6)
        .go_to(outside, std::string(name_of(family)));
  }
  // A VLAN above the device puts its tag beside the packet, and the kernel shows it here as if it stood in it.
  for (const std::uint16_t tag : {std::uint16_t{ETH_P_8021Q}, std::uint16_t{ETH_P_8021AD}}) {
    for (const auto family : {Family::v4, Family::v6}) {
      rules.start(ethernet).is(family).ethertype_is(tag).tagged_type_is(family == Family::v4 ? ETH_P_IP : ETH_P_IPV6).version_is(family);
      rules.go_to(outside, fmt::format("{} of a VLAN", name_of(family)));
    }
    rules.start(ethernet).said_to_be(ETH_P_ARP).ethertype_is(tag).tagged_type_is(ETH_P_ARP).accept("ARP of a VLAN");
  }
  for (const std::uint16_t type :
       {std::uint16_t{ETH_P_ARP}, std::uint16_t{ETH_P_PAE}, rsn_preauthentication, link_discovery, std::uint16_t{ETH_P_1588}}) {
    rules.start(ethernet).said_to_be(type).ethertype_is(type).accept("never leaves a link");
  }
  rules.start(ethernet).is_to_bridge_group().accept("never leaves a link");
  for (const auto type : policy.carrying_types) {
    rules.start(ethernet).said_to_be(type).ethertype_is(type).accept("carries another uplink");
  }
  rules.start(ethernet);
  count_outside(rules, leak_names::other, "no IP, or not what it says");
}

/// Destination, protocol, port and user behind one another, and the packet is added to that element.
void write_note(RuleWriter& rules, Family family, std::uint8_t protocol, bool has_user, Policy policy) {
  const auto address =
      family == Family::v4 ? LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 16, 4, 0} : LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 24, 16, 0};
  const auto word = address_words(family);
  rules.start(seen).is(family);
  if (protocol != 0) rules.protocol_is(protocol);
  rules.add(address).add(LoadMeta{NFT_META_L4PROTO, word});
  const auto port_word = static_cast<std::uint8_t>(word + 1);
  if (protocol != 0) {
    rules.add(LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, destination_port.offset, destination_port.length, port_word});
  } else {
    rules.add(LoadConstant{{0, 0, 0, 0}, port_word});
  }
  const auto user_word = static_cast<std::uint8_t>(word + 2);
  // The rule ends at a packet without a socket, and the next one takes it.
  if (has_user) {
    rules.add(LoadMeta{NFT_META_SKUID, user_word});
  } else {
    rules.add(LoadConstant{host_bytes(nobody), user_word});
  }
  rules.add(NoteIn{std::string(family == Family::v4 ? leak_names::seen_v4 : leak_names::seen_v6), seen_timeout_ms});
  rules.decide(policy, has_user ? "destination and user" : "destination");
}

void write_seen(RuleWriter& rules, Policy policy) {
  for (const auto family : {Family::v4, Family::v6}) {
    for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_TCP}, std::uint8_t{IPPROTO_UDP}, std::uint8_t{0}}) {
      write_note(rules, family, protocol, true, policy);
      write_note(rules, family, protocol, false, policy);
    }
  }
  rules.start(seen).add(CountInto{std::string(leak_names::unlisted)}).decide(policy, "no room to note it");
}

Set seen_set(Family family, std::string_view name) {
  const auto length = (address_words(family) + 3U) * 4;
  return {std::string(name), key_type(family), length, most_seen_destinations, seen_timeout_ms};
}

Ruleset empty_ruleset(std::uint8_t family, OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags) {
  Ruleset ruleset;
  ruleset.table = Table{{family, firewall_table_name(action, id)}, flags, 0};
  for (const auto name : {leak_names::dns, leak_names::v4, leak_names::v6, leak_names::endpoint_misuse, leak_names::other,
                          leak_names::local, leak_names::passed_dns, leak_names::answers, leak_names::upkeep, leak_names::unlisted}) {
    ruleset.counters.emplace_back(name);
  }
  ruleset.sets = {seen_set(Family::v4, leak_names::seen_v4), seen_set(Family::v6, leak_names::seen_v6)};
  // Each stands before those whose rules go to it.
  for (const auto name : {seen, networks, neighbours, at_server, let_pass}) ruleset.chains.push_back({std::string(name), std::nullopt});
  if (judged(policy) != outside) ruleset.chains.push_back({std::string(not_allowed), std::nullopt});
  ruleset.chains.push_back({std::string(outside), std::nullopt});
  return ruleset;
}

void write_bell(Ruleset& ruleset, RuleWriter& rules) {
  ruleset.quotas.emplace_back(leak_names::bell);
  rules.start(seen).add(RingOnce{std::string(leak_names::bell)});
}

void add_base_chain(Ruleset& ruleset, RuleWriter& rules, const std::string& name, Hook hook, std::string_view first) {
  ruleset.chains.push_back({name, std::move(hook)});
  rules.start(name).go_to(first, {});
}

Ruleset part_of(const Ruleset& ruleset, bool hooks) {
  Ruleset part;
  part.table = ruleset.table;
  if (!hooks) {
    part.sets = ruleset.sets;
    part.counters = ruleset.counters;
  }
  for (const auto& chain : ruleset.chains) {
    if (chain.hook.has_value() != hooks) continue;
    part.chains.push_back(chain);
    std::copy_if(ruleset.rules.begin(), ruleset.rules.end(), std::back_inserter(part.rules),
                 [&](const Rule& rule) { return rule.chain == chain.name; });
  }
  return part;
}

}  // namespace

std::string firewall_table_name(OutsideAction action, std::string_view id) {
  return fmt::format("{}{}{}", name_begin, id, action == OutsideAction::count ? meter_end : kill_switch_end);
}

bool is_firewall_table(OutsideAction action, std::string_view name) {
  const auto end = action == OutsideAction::count ? meter_end : kill_switch_end;
  if (name.size() <= name_begin.size() + end.size() || !name.starts_with(name_begin) || !name.ends_with(end)) return false;
  return check_firewall_id(firewall_id_of(action, name)).has_value();
}

std::string firewall_id_of(OutsideAction action, std::string_view name) {
  const auto end = action == OutsideAction::count ? meter_end : kill_switch_end;
  return std::string(name.substr(name_begin.size(), name.size() - name_begin.size() - end.size()));
}

Ruleset output_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags, bool rings,
                       const std::vector<JudgedDevice>& elsewhere) {
  auto ruleset = empty_ruleset(family_inet, action, id, policy, flags);
  RuleWriter rules{family_inet};
  write_tunnels_and_loopback(rules, policy);
  // What an IPsec tunnel (vti, xfrm) sends comes by here once more with the uplink as its device, and then as ESP.
  rules.start(outside).is_for_ipsec().accept("judged as ESP");
  for (const auto& device : elsewhere) {
    rules.start(outside).meta_is(NFT_META_OIF, device.index).device_is(device.name).accept("judged on its way out of " + device.name);
  }
  write_rules(rules, policy, action);
  if (rings) write_bell(ruleset, rules);
  write_seen(rules, policy_of(action));
  // Where somebody took the rules out, a kill switch stays closed. In the hook output a packet that other rules turned aside would still
  // have the device that it was to leave by at first.
  const auto priority = action == OutsideAction::count ? count_priority : drop_priority;
  add_base_chain(ruleset, rules, "postrouting", {NF_INET_POST_ROUTING, priority, policy_of(action), {}}, outside);
  ruleset.rules = rules.take();
  return ruleset;
}

Ruleset egress_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags, bool rings) {
  auto ruleset = empty_ruleset(family_netdev, action, id, policy, flags);
  RuleWriter rules{family_netdev};
  write_rules(rules, policy, action);
  write_frames(rules, policy);
  for (const auto name : {ethernet, frames}) ruleset.chains.push_back({std::string(name), std::nullopt});
  if (rings) write_bell(ruleset, rules);
  write_seen(rules, policy_of(action));
  auto devices = policy.uplinks;
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  const auto priority = action == OutsideAction::count ? count_priority : drop_priority;
  add_base_chain(ruleset, rules, "uplink", {netdev_egress, priority, policy_of(action), std::move(devices)}, frames);
  ruleset.rules = rules.take();
  return ruleset;
}

Ruleset without_hooks(const Ruleset& ruleset) { return part_of(ruleset, false); }

Ruleset only_hooks(const Ruleset& ruleset) { return part_of(ruleset, true); }

}  // namespace vpn_sentinel
