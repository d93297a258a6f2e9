#include "netns/firewall/outside_chain.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "netns/base/dns_ports.hpp"

namespace vpn_sentinel {
namespace {

using namespace nft;
using namespace chain_names;

constexpr std::uint8_t link_only_hops = 255;  // a packet that was forwarded has fewer (RFC 4861)
constexpr std::array<std::uint8_t, 2> with_ports{IPPROTO_UDP, IPPROTO_TCP};
constexpr std::uint8_t tcp_flag_syn = 0x02;
constexpr std::uint8_t tcp_reset = 0x04;
struct Types {
  std::uint8_t first;
  std::uint8_t last;
};
// ICMP of the kernel about packets that came: unreachable, time exceeded, parameter problem; of IPv6 also too big.
constexpr std::array<Types, 2> icmp4_errors{{{3, 3}, {11, 12}}};
constexpr Types icmp6_errors{1, 4};
constexpr std::uint8_t echo_reply4 = 0;
constexpr std::uint8_t echo_reply6 = 129;

bool has_users(const FirewallPolicy& policy) {
  return std::any_of(policy.allowed.begin(), policy.allowed.end(), [](const AllowedPackets& allowed) { return allowed.uids.has_value(); });
}

bool has_ports(const AllowedPackets& allowed) { return allowed.source_ports || allowed.destination_ports; }

/// Those that ports belong to; 0: any, without looking at ports.
std::vector<std::uint8_t> protocols_of(std::uint8_t protocol, bool by_port) {
  if (by_port && protocol == 0) return {with_ports.begin(), with_ports.end()};
  return {protocol};
}

}  // namespace

std::string_view name_of(Family family) { return family == Family::v4 ? "IPv4" : "IPv6"; }

nft::Policy policy_of(OutsideAction action) { return action == OutsideAction::count ? nft::Policy::accept : nft::Policy::drop; }

std::string_view judged(const FirewallPolicy& policy) {
  return has_users(policy) || std::any_of(policy.allowed.begin(), policy.allowed.end(), has_ports) ? not_allowed : outside;
}

void count_outside(RuleWriter& rules, std::string_view counter, std::string comment) {
  rules.add(CountInto{std::string(counter)}).go_to(seen, std::move(comment));
}

void write_tunnels_and_loopback(RuleWriter& rules, const FirewallPolicy& policy) {
  for (const auto& tunnel : policy.tunnels) {
    rules.start(outside).device_is(tunnel);
    const auto has_name = [&](const TunnelType& type) { return type.tunnel == tunnel; };
    const auto type = std::find_if(policy.tunnel_types.begin(), policy.tunnel_types.end(), has_name);
    if (type != policy.tunnel_types.end()) rules.device_type_is(type->type);
    rules.accept(fmt::format("tunnel {}", tunnel));
  }
  rules.start(outside).meta_is(NFT_META_OIF, 1).accept("loopback");  // has this index in each namespace
  for (const auto& device : policy.inner_devices) rules.start(outside).device_is(device).accept(fmt::format("within: {}", device));
}

namespace {

RuleWriter& to_address(RuleWriter& rules, std::string_view chain, const IpAddress& address) {
  return rules.start(chain).destination_is(IpPrefix(address, 128));
}

std::string server_name(const IpAddress& address) { return fmt::format("VPN server {}", address.to_string()); }

/// Of names that these ask nobody needs to know: the probe's own, and those of a resolver that is wanted.
bool may_ask_unseen(const AllowedPackets& allowed) {
  const auto& ports = allowed.destination_ports;
  const bool is_resolver = allowed.destination && ports && ports->first == ports->last && is_dns_port(ports->first);
  return allowed.priority != 0 || is_resolver;
}

/// DNS that is let pass is counted, so that "no DNS left outside" is not said where nobody looked.
void write_let_pass(RuleWriter& rules) {
  for (const auto port : dns_ports) {
    for (const auto protocol : with_ports) {
      rules.start(let_pass).protocol_is(protocol).port_is(port);
      rules.add(CountInto{std::string(leak_names::passed_dns)}).accept("DNS, let pass");
    }
  }
  rules.start(let_pass).accept({});
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
  if (may_ask_unseen(allowed)) {
    rules.accept("allowed on purpose");
  } else {
    rules.go_to(let_pass, "allowed on purpose");
  }
}

void write_allowed(RuleWriter& rules, const AllowedPackets& allowed) {
  for (const auto protocol : protocols_of(allowed.protocol, has_ports(allowed))) {
    if (!allowed.uids) write_allowed(rules, allowed, protocol, nullptr);
    if (!allowed.uids) continue;
    for (const auto& block : blocks_of(*allowed.uids)) write_allowed(rules, allowed, protocol, &block);
  }
}

/// Of a fragmented packet only the first part has ports; what stands at their place in the others is compared all the same.
void write_fragments(RuleWriter& rules, std::string_view chain, std::string_view next) {
  for (const auto family : {Family::v4, Family::v6}) {
    rules.start(chain).is(family).is_later_fragment(family).go_to(next, "later fragments");
  }
}

void write_allowed(RuleWriter& rules, const FirewallPolicy& policy) {
  for (const auto& allowed : policy.allowed) {
    if (!has_ports(allowed)) write_allowed(rules, allowed);
  }
  if (judged(policy) == outside) return;
  write_fragments(rules, outside, not_allowed);
  for (const auto& allowed : policy.allowed) {
    if (has_ports(allowed)) write_allowed(rules, allowed);
  }
  if (!has_users(policy)) {
    rules.start(outside).go_to(not_allowed, {});
    return;
  }
  // What the kernel sends for a closed socket has no user any more, and may be the end of a connection of somebody who is allowed. The
  // first of these rules ends at such a packet.
  rules.start(outside).protocol_is(IPPROTO_TCP).field_is_without(tcp_flags, {tcp_flag_syn}).has_user().go_to(not_allowed, "of a user");
  rules.start(outside).protocol_is(IPPROTO_TCP).field_is_without(tcp_flags, {tcp_flag_syn}).accept("end of a connection, of nobody");
  rules.start(outside).go_to(not_allowed, {});
}

void write_endpoint(RuleWriter& rules, const TunnelEndpoint& endpoint) {
  const auto finish = [&](RuleWriter& rule, const std::string& comment) {
    if (endpoint.mark != 0) rule.meta_is(NFT_META_MARK, endpoint.mark);
    if (endpoint.port == 0) return rule.go_to(let_pass, comment);
    rule.accept(comment);
  };
  const auto name = server_name(endpoint.address);
  for (const auto protocol : protocols_of(endpoint.protocol, endpoint.port != 0)) {
    auto& rule = to_address(rules, outside, endpoint.address);
    if (protocol != 0) rule.protocol_is(protocol);
    if (endpoint.port != 0) rule.port_is(endpoint.port);
    finish(rule, name);
    if (endpoint.port == 0) continue;
    // These have no ports.
    auto& fragments = to_address(rules, outside, endpoint.address).protocol_is(protocol).is_later_fragment(endpoint.address.family());
    finish(fragments, name + ", later fragments");
  }
}

/// Also a kill switch drops them; only nobody is told of a leak.
void count_answer(RuleWriter& rules, OutsideAction action, std::string_view comment) {
  rules.add(CountInto{std::string(leak_names::answers)}).decide(policy_of(action), std::string(comment));
}

template <typename Finish>
void write_icmp_errors(RuleWriter& rules, std::string_view chain, const Finish& finish) {
  const auto write = [&](Family family, std::uint8_t protocol, Types types) {
    rules.start(chain).is(family).protocol_is(protocol).field_is_between(icmp_type, {types.first}, {types.last});
    finish();
  };
  for (const auto types : icmp4_errors) write(Family::v4, IPPROTO_ICMP, types);
  write(Family::v6, IPPROTO_ICMPV6, icmp6_errors);
}

void write_echo_replies(RuleWriter& rules, std::string_view chain, OutsideAction action) {
  const auto write = [&](Family family, std::uint8_t protocol, std::uint8_t type) {
    rules.start(chain).is(family).protocol_is(protocol).field_is(icmp_type, {type});
    count_answer(rules, action, "echo reply, of nobody");
  };
  write(Family::v4, IPPROTO_ICMP, echo_reply4);
  write(Family::v6, IPPROTO_ICMPV6, echo_reply6);
}

/// What is sent to a VPN server and is not the tunnel: names are read on the way there as anywhere outside. The kernel's own answer that
/// nobody listens any more, to a server that goes on sending, tells that server nothing new.
void write_at_server(RuleWriter& rules, OutsideAction action) {
  for (const auto family : {Family::v4, Family::v6}) {
    rules.start(at_server).is(family).is_later_fragment(family);
    count_outside(rules, leak_names::endpoint_misuse, "later fragments");
  }
  for (const auto port : dns_ports) {
    for (const auto protocol : with_ports) {
      rules.start(at_server).protocol_is(protocol);
      if (protocol == IPPROTO_TCP) rules.field_is_without(tcp_flags, {tcp_reset});
      rules.port_is(port);
      count_outside(rules, leak_names::dns, "DNS at a VPN server");
    }
  }
  rules.start(at_server).has_user();
  count_outside(rules, leak_names::endpoint_misuse, "of a user");
  rules.start(at_server).protocol_is(IPPROTO_TCP).field_has(tcp_flags, {tcp_reset}).accept("reset, of nobody");
  write_icmp_errors(rules, at_server, [&] { rules.accept("ICMP error, of nobody"); });
  write_echo_replies(rules, at_server, action);
  rules.start(at_server);
  count_outside(rules, leak_names::endpoint_misuse, {});
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
  for (const auto& address : addresses) {
    to_address(rules, judged(policy), address).go_to(at_server, server_name(address) + ", not the tunnel");
  }
}

void accept_upkeep(RuleWriter& rules, std::string_view comment) {
  rules.add(CountInto{std::string(leak_names::upkeep)}).accept(std::string(comment));
}

/// ICMPv6 that keeps a link working. A hop limit of 255 holds nothing on the link, so destinations must.
void write_neighbours(RuleWriter& rules, const FirewallPolicy& policy) {
  const auto icmp6 = [&](std::string_view to, std::uint8_t hops, Types types, std::string_view comment) {
    rules.start(neighbours).destination_is(IpPrefix::parse(to).value()).hops_are(Family::v6, hops);
    rules.field_is_between(icmp_type, {types.first}, {types.last});
    accept_upkeep(rules, comment);
  };
  icmp6("ff02::/16", link_only_hops, {133, 137}, "neighbour discovery");
  icmp6("fe80::/10", link_only_hops, {133, 137}, "neighbour discovery");
  for (const auto& prefix : policy.on_link) {
    if (!prefix.address().is_v4()) icmp6(prefix.to_string(), link_only_hops, {135, 136}, "neighbour discovery");
  }
  icmp6("ff00::/8", 1, {130, 132}, "multicast listeners");
  icmp6("ff00::/8", 1, {143, 143}, "multicast listeners, version 2");
  rules.start(neighbours).go_to(networks, {});
}

/// Without these a link stops working, and they do not leave it.
void write_link_upkeep(RuleWriter& rules, const FirewallPolicy& policy) {
  const auto chain = judged(policy);
  rules.start(chain).is(Family::v6).protocol_is(IPPROTO_ICMPV6).go_to(neighbours, "ICMPv6");
  rules.start(chain).destination_is(IpPrefix::parse("224.0.0.0/4").value()).protocol_is(IPPROTO_IGMP);
  accept_upkeep(rules, "IGMP");
  const auto dhcp = [&](const IpPrefix& to) {
    rules.start(chain).destination_is(to).protocol_is(IPPROTO_UDP).field_is(both_ports, {0, 68, 0, 67});
    accept_upkeep(rules, "DHCP");
  };
  dhcp(IpPrefix::parse("255.255.255.255").value());
  for (const auto& prefix : policy.on_link) {
    if (prefix.address().is_v4()) dhcp(prefix);
  }
  rules.start(chain).destination_is(IpPrefix::parse("ff02::1:2").value()).protocol_is(IPPROTO_UDP);
  rules.field_is(both_ports, {546 >> 8, 546 & 0xff, 547 >> 8, 547 & 0xff});
  accept_upkeep(rules, "DHCPv6");
}

/// Before the local networks: a router that resolves for the tunnel's user is the most common leak.
void write_dns(RuleWriter& rules, const FirewallPolicy& policy) {
  const auto chain = judged(policy);
  // No question: the answer to whoever tries our ports from this one.
  rules.start(chain).protocol_is(IPPROTO_TCP).field_has(tcp_flags, {tcp_reset}).go_to(networks, "reset");
  for (const auto port : dns_ports) {
    for (const auto protocol : with_ports) {
      rules.start(chain).protocol_is(protocol).port_is(port);
      count_outside(rules, leak_names::dns, "DNS");
    }
  }
  rules.start(chain).go_to(networks, {});
}

void count_family(RuleWriter& rules, Family family, std::string_view comment) {
  count_outside(rules, family == Family::v4 ? leak_names::v4 : leak_names::v6, std::string(comment));
}

void write_local_and_tunnel_networks(RuleWriter& rules, const FirewallPolicy& policy) {
  struct Network {
    IpPrefix prefix;
    bool is_local;
  };
  std::vector<Network> all;
  for (const auto& prefix : policy.tunnel_networks) all.push_back({prefix, false});
  for (const auto& prefix : policy.local_networks) all.push_back({prefix, true});
  // Only where both are does their order mean anything.
  const auto longer = [](const Network& a, const Network& b) { return a.prefix.length() > b.prefix.length(); };
  if (!policy.tunnel_networks.empty()) std::stable_sort(all.begin(), all.end(), longer);
  for (const auto& network : all) {
    rules.start(networks).destination_is(network.prefix);
    if (network.is_local) {
      rules.add(CountInto{std::string(leak_names::local)}).accept(fmt::format("local network {}", network.prefix.to_string()));
    } else {
      count_family(rules, network.prefix.address().family(), fmt::format("behind the tunnel: {}", network.prefix.to_string()));
    }
  }
}

/// To a server beyond the uplink's subnet (behind a relay) leases are renewed by routed packets: of root or a system's user. They tell
/// their provider nothing new. Where they are dropped, a client asks by broadcast in the end.
void write_renewals(RuleWriter& rules, OutsideAction action) {
  constexpr std::uint32_t system_users = 1024;
  rules.start(networks).is(Family::v4).protocol_is(IPPROTO_UDP).field_is(both_ports, {0, 68, 0, 67});
  rules.meta_is(NFT_META_SKUID, 0, ~(system_users - 1));
  count_answer(rules, action, "DHCP, to renew");
}

void write_networks(RuleWriter& rules, const FirewallPolicy& policy, OutsideAction action) {
  write_local_and_tunnel_networks(rules, policy);
  write_renewals(rules, action);
  for (const auto family : {Family::v4, Family::v6}) {
    rules.start(networks).is(family).has_user();
    count_family(rules, family, name_of(family));
    rules.start(networks).is(family).is_later_fragment(family);
    count_family(rules, family, "later fragments, of nobody");
  }
  rules.start(networks).protocol_is(IPPROTO_TCP).field_has(tcp_flags, {tcp_reset});
  count_answer(rules, action, "reset, of nobody");
  write_icmp_errors(rules, networks, [&] { count_answer(rules, action, "ICMP error, of nobody"); });
  write_echo_replies(rules, networks, action);
  for (const auto family : {Family::v4, Family::v6}) {
    rules.start(networks).is(family);
    count_family(rules, family, fmt::format("{}, of nobody", name_of(family)));
  }
}

}  // namespace

void write_rules(RuleWriter& rules, const FirewallPolicy& policy, OutsideAction action) {
  for (const auto& endpoint : policy.endpoints) write_endpoint(rules, endpoint);
  write_allowed(rules, policy);
  write_misuse(rules, policy);
  write_at_server(rules, action);
  write_let_pass(rules);
  write_fragments(rules, judged(policy), networks);
  write_link_upkeep(rules, policy);
  write_neighbours(rules, policy);
  write_dns(rules, policy);
  write_networks(rules, policy, action);
}

}  // namespace vpn_sentinel
