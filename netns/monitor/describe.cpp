#include "netns/monitor/describe.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <iterator>

namespace vpn_sentinel {
namespace {

std::string name_of(std::uint32_t index, const Snapshot& names) {
  const auto* link = names.find_link(index);
  return link != nullptr ? link->name : fmt::format("#{}", index);
}

/// ip(8) leaves IPv4 unnamed; "default" alone would not tell which family lost its way out.
std::string_view family_prefix(Family family) { return family == Family::v6 ? "IPv6 " : ""; }

std::string destination_text(const IpPrefix& destination) {
  if (destination.length() == 0) return "default";
  const bool host = destination.length() == (destination.address().is_v4() ? 32U : 128U);
  return host ? destination.address().to_string() : destination.to_string();
}

std::string_view type_text(std::uint8_t type) {
  switch (type) {
    case RTN_LOCAL:
      return "local ";
    case RTN_BROADCAST:
      return "broadcast ";
    case RTN_ANYCAST:
      return "anycast ";
    case RTN_MULTICAST:
      return "multicast ";
    case RTN_BLACKHOLE:
      return "blackhole ";
    case RTN_UNREACHABLE:
      return "unreachable ";
    case RTN_PROHIBIT:
      return "prohibit ";
    case RTN_THROW:
      return "throw ";
    default:
      return "";
  }
}

std::string table_text(std::uint32_t table) {
  if (table == RT_TABLE_MAIN) return "main";
  if (table == RT_TABLE_DEFAULT) return "default";
  return table == RT_TABLE_LOCAL ? "local" : fmt::format("{}", table);
}

std::string_view action_text(std::uint8_t action) {
  switch (action) {
    case FR_ACT_GOTO:
      return "goto";
    case FR_ACT_NOP:
      return "nop";
    case FR_ACT_BLACKHOLE:
      return "blackhole";
    case FR_ACT_UNREACHABLE:
      return "unreachable";
    case FR_ACT_PROHIBIT:
      return "prohibit";
    default:
      return "unknown action";
  }
}

bool running(const Link& link) { return (link.flags & IFF_RUNNING) != 0; }

/// A tun keeps its carrier as long as a program holds it, and loses it when the program dies. Ethernet and veth lose theirs by being
/// switched off, too: there it tells nothing.
std::string_view why_down(const Link& now, const Link& before) {
  if (now.carrier == true) return " (set down)";
  return now.kind == "tun" && before.carrier == true && now.carrier == false ? " (carrier lost)" : "";
}

}  // namespace

std::string describe_link(const Link& now, const Link* before) {
  if (before == nullptr) return fmt::format("link {} added", now.name);
  if (before->is_up() && !now.is_up()) return fmt::format("link {} down{}", now.name, why_down(now, *before));
  if (!before->is_up() && now.is_up()) return fmt::format("link {} up", now.name);
  if (before->name != now.name) return fmt::format("link {} renamed to {}", before->name, now.name);
  if (running(*before) != running(now)) return fmt::format("link {} {} its carrier", now.name, running(now) ? "found" : "lost");
  if (before->mtu != now.mtu) return fmt::format("link {} mtu {} changed to {}", now.name, before->mtu, now.mtu);
  return fmt::format("link {} changed", now.name);
}

std::string describe_deleted_link(const Link& link) { return fmt::format("link {} deleted", link.name); }

std::string describe_address(const InterfaceAddress& address, const Snapshot& names, std::string_view happened) {
  return fmt::format("address {}/{} of {} {}", address.address.to_string(), address.prefix_length, name_of(address.link_index, names),
                     happened);
}

std::string describe_route(const Route& route, const Snapshot& names, std::string_view happened) {
  auto text = fmt::format("{}route {}{}", family_prefix(route.family), type_text(route.type), destination_text(route.destination));
  for (const auto& hop : route.next_hops) {
    if (route.next_hops.size() > 1) text += " nexthop";
    if (hop.gateway) text += " via " + hop.gateway->to_string();
    if (hop.link_index != 0) text += " dev " + name_of(hop.link_index, names);
  }
  if (route.table != RT_TABLE_MAIN) text += " table " + table_text(route.table);
  if (route.metric != 0) fmt::format_to(std::back_inserter(text), " metric {}", route.metric);
  return fmt::format("{} {}", text, happened);
}

std::string describe_rule(const Rule& rule, std::string_view happened) {
  auto text = fmt::format("{}rule {}", family_prefix(rule.family), rule.priority);
  if ((rule.flags & FIB_RULE_INVERT) != 0) text += " not";
  const auto selectors = text.size();
  if (rule.source) text += " from " + destination_text(*rule.source);
  if (rule.destination) text += " to " + destination_text(*rule.destination);
  if (rule.fwmark != 0 || (rule.fwmask != 0 && rule.fwmask != 0xffffffffU)) {
    fmt::format_to(std::back_inserter(text), " fwmark {:#x}", rule.fwmark);
    if (rule.fwmask != 0xffffffffU) fmt::format_to(std::back_inserter(text), "/{:#x}", rule.fwmask);
  }
  if (!rule.input_interface.empty()) text += " iif " + rule.input_interface;
  if (!rule.output_interface.empty()) text += " oif " + rule.output_interface;
  if (text.size() == selectors) text += " from all";
  text += rule.action == FR_ACT_TO_TBL ? " lookup " + table_text(rule.table) : fmt::format(" {}", action_text(rule.action));
  if (rule.suppress_prefix_length >= 0) {
    fmt::format_to(std::back_inserter(text), " suppress_prefixlength {}", rule.suppress_prefix_length);
  }
  return fmt::format("{} {}", text, happened);
}

std::string describe_router_option(const RouterOption& option, const Snapshot& names) {
  constexpr std::uint8_t dns_servers = 25;
  constexpr std::uint8_t dns_search = 31;
  const auto link = name_of(option.link_index, names);
  if (option.option == dns_servers) return fmt::format("router advertisement on {} names DNS servers", link);
  if (option.option == dns_search) return fmt::format("router advertisement on {} names DNS search domains", link);
  return fmt::format("router advertisement on {} carries option {}", link, option.option);
}

}  // namespace vpn_sentinel
