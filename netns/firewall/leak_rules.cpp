#include "netns/firewall/leak_rules.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "netns/firewall/rule_writer.hpp"

namespace vpn_sentinel {
namespace {

using namespace nft;

constexpr std::string_view name_begin = "vpn-sentinel-";
constexpr std::string_view meter_end = "-meter";
constexpr std::string_view kill_switch_end = "-killswitch";
constexpr std::string_view outside = "outside";
constexpr std::string_view not_allowed = "not_allowed";
constexpr std::string_view seen = "seen";

// After mangle (-150) and NAT (100), as measured; the meter behind the kill switch, so that it does not count what that drops.
constexpr std::int32_t drop_priority = 300;
constexpr std::int32_t count_priority = 310;
constexpr std::uint32_t netdev_egress = 1;  // NF_NETDEV_EGRESS, not in headers before Linux 5.16
constexpr std::uint64_t seen_timeout_ms = 600'000;
constexpr std::uint16_t dns_port = 53;
constexpr std::uint16_t dns_over_tls_port = 853;  // DNS over QUIC, too
constexpr std::uint8_t link_only_hops = 255;      // a packet that was forwarded has fewer (RFC 4861)
constexpr std::array<std::uint8_t, 2> with_ports{IPPROTO_UDP, IPPROTO_TCP};
constexpr std::uint8_t tcp_syn = 0x02;

// How nft(8) shows a key of several parts: its numbers for an address, inet_proto, inet_service and uid, six bits each.
constexpr std::uint32_t key_type(Family family) { return (family == Family::v4 ? 7U : 8U) << 18 | 12U << 12 | 13U << 6 | 24U; }
constexpr std::uint8_t address_words(Family family) { return family == Family::v4 ? 1 : 4; }

Policy policy_of(OutsideAction action) { return action == OutsideAction::count ? Policy::accept : Policy::drop; }

void count_outside(RuleWriter& rules, std::string_view counter, std::string comment) {
  rules.add(CountInto{std::string(counter)}).go_to(seen, std::move(comment));
}

void write_loopback_and_tunnels(RuleWriter& rules, const FirewallPolicy& policy) {
  rules.start(outside).meta_is(NFT_META_OIF, 1).accept("loopback");  // has this index in each namespace
  for (const auto& tunnel : policy.tunnels) rules.start(outside).device_is(tunnel).accept(fmt::format("tunnel {}", tunnel));
}

RuleWriter& to_address(RuleWriter& rules, std::string_view chain, const IpAddress& address) {
  return rules.start(chain).destination_is(IpPrefix(address, 128));
}

std::string server_name(const IpAddress& address) { return fmt::format("VPN server {}", address.to_string()); }

bool has_users(const FirewallPolicy& policy) {
  return std::any_of(policy.allowed.begin(), policy.allowed.end(), [](const AllowedPackets& allowed) { return allowed.uids.has_value(); });
}

/// Where what is neither tunnel nor endpoint nor allowed is judged on.
std::string_view judged(const FirewallPolicy& policy) { return has_users(policy) ? not_allowed : outside; }

/// Those that ports belong to; 0: any, without looking at ports.
std::vector<std::uint8_t> protocols_of(std::uint8_t protocol, bool by_port) {
  if (by_port && protocol == 0) return {with_ports.begin(), with_ports.end()};
  return {protocol};
}

void write_allowed(RuleWriter& rules, const AllowedPackets& allowed, std::uint8_t protocol, const UserBlock* user) {
  rules.start(outside);
  if (allowed.family) rules.is(*allowed.family);
  if (allowed.source) rules.source_is(*allowed.source);
  if (allowed.destination) rules.destination_is(*allowed.destination);
  if (allowed.mark_mask != 0) rules.meta_is(NFT_META_MARK, allowed.mark, allowed.mark_mask);
  if (allowed.priority != 0) rules.meta_is(NFT_META_PRIORITY, allowed.priority);
  if (protocol != 0) rules.protocol_is(protocol);
  const auto ports_are = [&](TransportField field, const std::optional<AllowedPorts>& range) {
    if (range) rules.field_is_between(field, network_bytes(range->first), network_bytes(range->last));
  };
  ports_are(source_port, allowed.source_ports);
  ports_are(destination_port, allowed.destination_ports);
  if (user != nullptr) rules.meta_is(NFT_META_SKUID, user->value, user->mask);
  rules.accept("allowed on purpose");
}

void write_allowed(RuleWriter& rules, const FirewallPolicy& policy) {
  for (const auto& allowed : policy.allowed) {
    for (const auto protocol : protocols_of(allowed.protocol, allowed.source_ports || allowed.destination_ports)) {
      if (!allowed.uids) write_allowed(rules, allowed, protocol, nullptr);
      if (!allowed.uids) continue;
      for (const auto& block : blocks_of(*allowed.uids)) write_allowed(rules, allowed, protocol, &block);
    }
  }
  if (!has_users(policy)) return;
  // What the kernel sends for a closed socket has no user any more, and may be the end of a connection of somebody who is allowed. The
  // first of these rules ends at such a packet.
  rules.start(outside).protocol_is(IPPROTO_TCP).field_is_without(tcp_flags, {tcp_syn}).has_user().go_to(not_allowed, "of a user");
  rules.start(outside).protocol_is(IPPROTO_TCP).field_is_without(tcp_flags, {tcp_syn}).accept("end of a connection, of nobody");
  rules.start(outside).go_to(not_allowed, {});
}

void write_endpoint(RuleWriter& rules, const TunnelEndpoint& endpoint) {
  const auto finish = [&](RuleWriter& rule, const std::string& comment) {
    if (endpoint.mark != 0) rule.meta_is(NFT_META_MARK, endpoint.mark);
    rule.accept(comment);
  };
  const auto name = server_name(endpoint.address);
  for (const auto protocol : protocols_of(endpoint.protocol, endpoint.port != 0)) {
    auto& rule = to_address(rules, outside, endpoint.address);
    if (protocol != 0) rule.protocol_is(protocol);
    if (endpoint.port != 0) rule.port_is(endpoint.port);
    finish(rule, name);
    if (endpoint.port == 0) continue;
    // Of a fragmented packet only the first part has ports.
    auto& fragments = to_address(rules, outside, endpoint.address).protocol_is(protocol).is_later_fragment(endpoint.address.family());
    finish(fragments, name + ", later fragments");
  }
}

void write_misuse(RuleWriter& rules, std::string_view chain, const IpAddress& address) {
  // The kernel's own answer that nobody listens any more, to a server that goes on sending: it tells that server nothing new.
  const bool v4 = address.is_v4();
  to_address(rules, chain, address)
      .protocol_is(v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6})
      .field_is(icmp_type, {static_cast<std::uint8_t>(v4 ? 3 : 1)})
      .accept(server_name(address) + ", unreachable");
  to_address(rules, chain, address);
  count_outside(rules, leak_names::endpoint_misuse, server_name(address) + ", not the tunnel");
}

void write_misuse(RuleWriter& rules, const FirewallPolicy& policy) {
  // A server in a local network may be spoken to as everything there.
  const auto is_local = [&](const IpAddress& address) {
    return std::any_of(policy.local_networks.begin(), policy.local_networks.end(),
                       [&](const IpPrefix& network) { return network.contains(address); });
  };
  std::set<IpAddress> addresses;
  for (const auto& endpoint : policy.endpoints) {
    if (!is_local(endpoint.address)) addresses.insert(endpoint.address);
  }
  for (const auto& address : addresses) write_misuse(rules, judged(policy), address);
}

/// Without these a link stops working, and they do not leave it.
void write_link_upkeep(RuleWriter& rules, std::string_view chain) {
  const auto icmp6 = [&](std::uint8_t hops, std::uint8_t first, std::uint8_t last, const char* comment) {
    rules.start(chain).is(Family::v6).protocol_is(IPPROTO_ICMPV6).hops_are(Family::v6, hops);
    rules.field_is_between(icmp_type, {first}, {last}).accept(comment);
  };
  icmp6(link_only_hops, 133, 137, "neighbour discovery");
  icmp6(1, 130, 132, "multicast listeners");
  icmp6(1, 143, 143, "multicast listeners, version 2");
  rules.start(chain).destination_is(IpPrefix::parse("224.0.0.0/4").value()).protocol_is(IPPROTO_IGMP).accept("IGMP");
  rules.start(chain).is(Family::v4).protocol_is(IPPROTO_UDP).field_is(both_ports, {0, 68, 0, 67}).accept("DHCP");
  rules.start(chain).is(Family::v6).protocol_is(IPPROTO_UDP).field_is(both_ports, {546 >> 8, 546 & 0xff, 547 >> 8, 547 & 0xff});
  rules.accept("DHCPv6");
}

void write_outside(RuleWriter& rules, const FirewallPolicy& policy) {
  const auto chain = judged(policy);
  // Before the local networks: a router that resolves for the tunnel's user is the most common leak.
  for (const auto port : {dns_port, dns_over_tls_port}) {
    for (const auto protocol : with_ports) {
      rules.start(chain).protocol_is(protocol).port_is(port);
      count_outside(rules, leak_names::dns, "DNS");
    }
  }
  for (const auto& network : policy.local_networks) {
    rules.start(chain).destination_is(network).add(CountInto{std::string(leak_names::local)});
    rules.accept(fmt::format("local network {}", network.to_string()));
  }
  rules.start(chain).is(Family::v4);
  count_outside(rules, leak_names::v4, "IPv4");
  rules.start(chain).is(Family::v6);
  count_outside(rules, leak_names::v6, "IPv6");
}

void write_rules(RuleWriter& rules, const FirewallPolicy& policy) {
  for (const auto& endpoint : policy.endpoints) write_endpoint(rules, endpoint);
  write_allowed(rules, policy);
  write_misuse(rules, policy);
  write_link_upkeep(rules, judged(policy));
  write_outside(rules, policy);
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
  for (const auto name :
       {leak_names::dns, leak_names::v4, leak_names::v6, leak_names::endpoint_misuse, leak_names::local, leak_names::unlisted}) {
    ruleset.counters.emplace_back(name);
  }
  ruleset.sets = {seen_set(Family::v4, leak_names::seen_v4), seen_set(Family::v6, leak_names::seen_v6)};
  // Each stands before those whose rules go to it.
  ruleset.chains = {{std::string(seen), std::nullopt}};
  if (has_users(policy)) ruleset.chains.push_back({std::string(not_allowed), std::nullopt});
  ruleset.chains.push_back({std::string(outside), std::nullopt});
  return ruleset;
}

void write_bell(Ruleset& ruleset, RuleWriter& rules) {
  ruleset.quotas.emplace_back(leak_names::bell);
  rules.start(seen).add(RingOnce{std::string(leak_names::bell)});
}

void add_base_chain(Ruleset& ruleset, RuleWriter& rules, const std::string& name, Hook hook) {
  ruleset.chains.push_back({name, std::move(hook)});
  rules.start(name).go_to(outside, {});
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
  return name.size() > name_begin.size() + end.size() && name.starts_with(name_begin) && name.ends_with(end);
}

std::string firewall_id_of(OutsideAction action, std::string_view name) {
  const auto end = action == OutsideAction::count ? meter_end : kill_switch_end;
  return std::string(name.substr(name_begin.size(), name.size() - name_begin.size() - end.size()));
}

Ruleset output_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags, bool rings) {
  auto ruleset = empty_ruleset(family_inet, action, id, policy, flags);
  RuleWriter rules{family_inet};
  write_loopback_and_tunnels(rules, policy);
  write_rules(rules, policy);
  if (rings) write_bell(ruleset, rules);
  write_seen(rules, policy_of(action));
  // Where somebody took the rules out, a kill switch stays closed.
  const auto priority = action == OutsideAction::count ? count_priority : drop_priority;
  add_base_chain(ruleset, rules, "output", {NF_INET_LOCAL_OUT, priority, policy_of(action), {}});
  add_base_chain(ruleset, rules, "forward", {NF_INET_FORWARD, priority, policy_of(action), {}});
  ruleset.rules = rules.take();
  return ruleset;
}

Ruleset egress_ruleset(OutsideAction action, std::string_view id, const FirewallPolicy& policy, std::uint32_t flags, bool rings) {
  auto ruleset = empty_ruleset(family_netdev, action, id, policy, flags);
  RuleWriter rules{family_netdev};
  write_rules(rules, policy);
  if (rings) write_bell(ruleset, rules);
  write_seen(rules, policy_of(action));
  auto devices = policy.uplinks;
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  // What is no IP (ARP, EAPOL) passes.
  const auto priority = action == OutsideAction::count ? count_priority : drop_priority;
  add_base_chain(ruleset, rules, "uplink", {netdev_egress, priority, Policy::accept, std::move(devices)});
  ruleset.rules = rules.take();
  return ruleset;
}

Ruleset without_hooks(const Ruleset& ruleset) { return part_of(ruleset, false); }

Ruleset only_hooks(const Ruleset& ruleset) { return part_of(ruleset, true); }

}  // namespace vpn_sentinel
