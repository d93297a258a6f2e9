#include "tests/property/generator.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "tests/property/flows.hpp"
#include "tests/property/make_operation.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr std::uint32_t tunnel_table = Fixture::tunnel_table;
constexpr std::size_t most_routes = 14;
constexpr std::size_t most_rules = 5;
constexpr std::array<std::uint32_t, 4> tables{RT_TABLE_MAIN, tunnel_table, 100, 200};
constexpr std::array<std::uint32_t, 6> priorities{50, 101, 200, 10'000, 32'000, 32'765};
constexpr std::array<std::string_view, 3> wide_v4{"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"};
constexpr std::array<std::string_view, 5> wide_v6{"::/0", "::/1", "2000::/3", "2000::/4", "3000::/4"};
constexpr std::array<std::string_view, 5> uplink_addresses{"203.0.113.10/24", "8.1.2.3/8", "192.88.1.1/22", "192.88.16.1/21",
                                                           "2001:db8:10::10/64"};
constexpr std::array<std::string_view, 4> more_addresses{"2a0b:1::1/48", "2a0b:2::1/64", "198.19.0.2/24", "2001:db8:ff::2/64"};

IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

/// Where the fixture's own addresses are: a route there would change what counts as local.
bool is_reserved(const IpPrefix& range) {
  static const std::vector own{prefix("203.0.113.0/24"), prefix("198.51.100.2/32"), prefix("198.18.0.0/15"),
                               prefix("192.88.0.0/20"),  prefix("2001:db8::/32"),   prefix("2a0b:2::/64")};
  const auto inside = [&](const IpPrefix& outer) { return outer.length() <= range.length() && outer.contains(range.address()); };
  return std::ranges::any_of(own, inside) || std::ranges::any_of(special_ranges(), inside);
}

}  // namespace

IpPrefix Generator::choose_prefix(Family family) {
  if (chance(25)) return prefix(family == Family::v4 ? any_of(wide_v4) : any_of(wide_v6));
  if (chance(40) && !used_.empty()) {
    const auto known = any_of(used_);
    // The same again, or something inside it, or something around it.
    const int by = below(3) * (1 + below(8));
    const auto length = static_cast<unsigned>(std::clamp(static_cast<int>(known.length()) + (chance(50) ? by : -by), 2, 128));
    const IpPrefix near(known.address(), length);
    if (known.address().family() == family && !is_reserved(near)) return near;
  }
  for (;;) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
    if (family == Family::v6) bytes[0] = static_cast<std::uint8_t>(0x20 | (bytes[0] & 0x1f));
    const auto address = family == Family::v4 ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
    const auto longest = family == Family::v4 ? 32 : 128;
    const IpPrefix found(address, static_cast<unsigned>(chance(50) ? 2 + below(9) : 8 + below(longest - 7)));
    if (is_reserved(found)) continue;
    used_.push_back(found);
    return found;
  }
}

std::uint32_t Generator::choose_table() { return chance(55) ? RT_TABLE_MAIN : any_of(tables); }

std::string Generator::hop(Family family, bool by_tunnel) {
  if (by_tunnel) return "dev tun0";
  if (chance(20)) return "dev eth0";
  if (family == Family::v6) return "via fe80::1 dev eth0";
  return chance(10) ? "via inet6 fe80::1 dev eth0" : "via 203.0.113.1 dev eth0 onlink";
}

Operation Generator::add_route(Family family) {
  constexpr std::array<std::string_view, 4> verbs{"add", "add", "replace", "append"};
  constexpr std::array<std::string_view, 4> types{"blackhole", "prohibit", "unreachable", "throw"};
  constexpr std::array<std::uint32_t, 4> metrics{0, 0, 10, 900};
  RouteParts parts{any_of(verbs), "", choose_prefix(family), "", choose_table(), any_of(metrics)};
  if (chance(18)) {
    parts.type = any_of(types);
  } else if (chance(15)) {
    const int legs = 2 + below(2);
    for (int i = 0; i < legs; ++i) parts.way += fmt::format("nexthop {} weight {} ", hop(family, chance(65)), 1 + below(2));
  } else if (chance(15)) {
    const int base = family == Family::v4 ? 1 : 5;
    parts.way = chance(50) ? fmt::format("nhid {}", base + below(3)) : fmt::format("nhid {}", family == Family::v4 ? 11 : 12);
  } else {
    parts.way = hop(family, chance(55));
  }
  return add_route_operation(parts);
}

Operation Generator::delete_route(const Model& model) {
  if (model.routes.empty()) return add_route(Family::v4);
  return delete_route_operation(any_of(model.routes).second);
}

std::string Generator::choose_selectors(Family family, Selectors& selectors) {
  std::string text;
  const auto mark = [&] {
    constexpr std::array<std::uint32_t, 3> marks{0x1, 0x2, 0x77};
    selectors.mark = any_of(marks);
    if (chance(30)) selectors.mask = 0xff;
    text += selectors.mask == 0xff ? fmt::format("fwmark {:#x}/0xff ", *selectors.mark) : fmt::format("fwmark {:#x} ", *selectors.mark);
  };
  const auto uids = [&] {
    const auto first = static_cast<std::uint32_t>(below(3)) * 1000;
    selectors.uids = UidRange{first, first + (chance(50) ? 0U : 999U)};
    text += fmt::format("uidrange {}-{} ", first, selectors.uids->last);
  };
  const auto protocol = [&] {
    const std::uint8_t icmp = family == Family::v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
    const std::array<std::uint8_t, 5> protocols{IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_TCP, icmp};
    selectors.ip_protocol = any_of(protocols);
    text += fmt::format("ipproto {} ", selectors.ip_protocol);
  };
  const auto ports = [&] {
    constexpr std::array<std::uint16_t, 3> first_ports{53, 443, 5353};
    if (chance(30)) {
      selectors.source_ports = PortRange{30000, 30999};
      text += "sport 30000-30999 ";
      return;
    }
    const auto first = any_of(first_ports);
    selectors.destination_ports = PortRange{first, static_cast<std::uint16_t>(chance(70) ? first : first + 100)};
    text += fmt::format("dport {}-{} ", first, selectors.destination_ports->last);
  };
  const auto source = [&] {
    constexpr std::array<std::string_view, 3> v4{"203.0.113.10/32", "203.0.113.0/24", "198.19.0.2/32"};
    constexpr std::array<std::string_view, 2> v6{"2001:db8:10::/64", "2001:db8:ff::2/128"};
    selectors.source = prefix(family == Family::v4 ? any_of(v4) : any_of(v6));
    text += fmt::format("from {} ", selectors.source->to_string());
  };
  const auto destination = [&] {
    selectors.destination = choose_prefix(family);
    text += fmt::format("to {} ", selectors.destination->to_string());
  };
  if (chance(30)) mark();
  if (chance(25)) uids();
  if (chance(25)) protocol();
  const bool can_have_ports = selectors.ip_protocol == 0 || selectors.ip_protocol == IPPROTO_UDP || selectors.ip_protocol == IPPROTO_TCP;
  if (can_have_ports && chance(25)) ports();
  if (chance(12)) source();
  if (chance(15)) destination();
  if (chance(8)) {
    constexpr std::array<std::uint8_t, 2> services{0x08, 0x10};
    selectors.tos = any_of(services);
    text += fmt::format("tos {:#x} ", selectors.tos);
  }
  // Everything that a process here sends comes from lo; the others concern forwarded packets, and sockets bound to a device.
  constexpr std::array<std::string_view, 3> interfaces{"iif lo ", "iif eth0 ", "oif eth0 "};
  if (chance(8)) text += any_of(interfaces);
  // Only alone is the inverted mark what a VPN client makes; who else would be exempt is not decided.
  const bool has_others = selectors.uids || selectors.ip_protocol != 0 || selectors.source_ports || selectors.destination_ports ||
                          selectors.source || selectors.destination || selectors.tos != 0;
  if (chance(15) && has_others && !selectors.mark) {
    selectors.invert = true;
    text = "not " + text;
  }
  return text;
}

Operation Generator::add_rule(Family family) {
  constexpr std::array<std::string_view, 4> refusals{"blackhole", "prohibit", "unreachable", "nop"};
  Selectors selectors;
  const auto priority = any_of(priorities);
  if (chance(15)) {
    selectors.invert = true;
    selectors.mark = tunnel_table;
    return add_rule_operation(family, priority, selectors, "not fwmark 51820", "lookup 51820", tunnel_table);
  }
  const auto text = choose_selectors(family, selectors);
  if (chance(10)) return add_rule_operation(family, priority, selectors, text, any_of(refusals), 0);
  if (chance(5)) return add_rule_operation(family, priority, selectors, text, "goto 32766", 0);
  const auto table = chance(50) ? RT_TABLE_MAIN : any_of(tables);
  const auto suppress = chance(20) ? fmt::format(" suppress_prefixlength {}", below(3) * 4) : std::string{};
  return add_rule_operation(family, priority, selectors, text, fmt::format("lookup {}{}", table, suppress), table);
}

Operation Generator::delete_rule(const Model& model) {
  if (chance(10)) {
    const auto family = chance(50) ? Family::v4 : Family::v6;
    return plain_operation(family, fmt::format("rule {} lookup main priority 32766", chance(30) ? "del" : "add"));
  }
  if (model.rules.empty()) return add_rule(Family::v4);
  return delete_rule_operation(any_of(model.rules).second);
}

Operation Generator::change_address(const Model& model) {
  const bool more = chance(50);
  const std::string text(more ? any_of(more_addresses) : any_of(uplink_addresses));
  const auto known = model.addresses.find(text);
  if (known != model.addresses.end()) return delete_address_operation(known->second);
  const bool of_tunnel = text.starts_with("198.19.") || text.starts_with("2001:db8:ff:");
  return add_address_operation(text, of_tunnel ? Fixture::tunnel : Fixture::uplink);
}

Operation Generator::change_link() {
  if (chance(20)) {
    Operation operation;
    operation.effect = chance(50) ? Operation::Effect::close_tunnel : Operation::Effect::open_tunnel;
    if (operation.effect == Operation::Effect::open_tunnel) operation.line = "link set tun0 up";
    return operation;
  }
  return plain_operation(Family::v4, fmt::format("link set {} {}", chance(60) ? "tun0" : "eth0", chance(55) ? "up" : "down"));
}

/// Ids 1 to 4 and 5 to 8 are single next hops of IPv4 and IPv6, 11 and 12 groups of them.
Operation Generator::change_next_hop() {
  const auto family = chance(60) ? Family::v4 : Family::v6;
  const int base = family == Family::v4 ? 1 : 5;
  const int group = family == Family::v4 ? 11 : 12;
  const auto* const verb = chance(60) ? "add" : "replace";
  if (chance(15)) return plain_operation(family, fmt::format("nexthop del id {}", chance(70) ? base + below(3) : group));
  if (chance(35)) return plain_operation(family, fmt::format("nexthop {} id {} group {}/{}", verb, group, base, base + 1 + below(2)));
  if (chance(8)) return plain_operation(family, fmt::format("nexthop {} id {} blackhole", verb, base + below(3)));
  auto way = hop(family, chance(60));
  if (way.starts_with("via inet6")) way = "via 203.0.113.1 dev eth0 onlink";
  return plain_operation(family, fmt::format("nexthop {} id {} {}", verb, base + below(3), way));
}

Operation Generator::undo(const Model& model) {
  const int kind = below(10);
  if (kind < 5) return delete_route(model);
  if (kind < 8) return delete_rule(model);
  if (kind < 9) return plain_operation(Family::v4, "link set tun0 up");
  return plain_operation(Family::v4, "link set eth0 down");
}

Operation Generator::next(const Model& model, bool leaking) {
  if (leaking && chance(55)) return undo(model);
  if (model.routes.size() > most_routes && chance(70)) return delete_route(model);
  if (model.rules.size() > most_rules && chance(70)) return delete_rule(model);
  const auto family = chance(65) ? Family::v4 : Family::v6;
  const int kind = below(100);
  if (kind < 42) return add_route(family);
  if (kind < 52) return delete_route(model);
  if (kind < 66) return add_rule(family);
  if (kind < 73) return delete_rule(model);
  if (kind < 80) return change_address(model);
  if (kind < 88) return change_link();
  return change_next_hop();
}

}  // namespace vpn_sentinel::property
