#include "netns/monitor/describe.hpp"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <iterator>

#include "netns/monitor/describe_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace describing;

std::string name_of(std::uint32_t index, const Snapshot& names) {
  const auto* link = names.find_link(index);
  return link != nullptr ? link->name : fmt::format("#{}", index);
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

void add_hop(std::string& text, const NextHop& hop, const Snapshot& names) {
  if (hop.gateway) text += " via " + hop.gateway->to_string();
  if (hop.link_index != 0) text += " dev " + name_of(hop.link_index, names);
}

bool running(const Link& link) { return (link.flags & IFF_RUNNING) != 0; }

/// A tun keeps its carrier as long as a program holds it, and loses it when the program dies. Ethernet and veth lose theirs by being
/// switched off, too: there it tells nothing.
std::string_view why_down(const Link& now, const Link& before) {
  if (now.carrier == true) return " (set down)";
  return now.kind == "tun" && before.carrier == true && now.carrier == false ? " (carrier lost)" : "";
}

}  // namespace

std::string describe_link(const Link& now, const Link* before, const Snapshot& names) {
  if (before == nullptr) return fmt::format("link {} added", now.name);
  if (before->is_up() && !now.is_up()) return fmt::format("link {} down{}", now.name, why_down(now, *before));
  if (!before->is_up() && now.is_up()) return fmt::format("link {} up", now.name);
  if (before->name != now.name) return fmt::format("link {} renamed to {}", before->name, now.name);
  if (now.master != 0 && before->master != now.master) return fmt::format("link {} enslaved to {}", now.name, name_of(now.master, names));
  if (before->master != now.master) return fmt::format("link {} released from {}", now.name, name_of(before->master, names));
  if (running(*before) != running(now)) return fmt::format("link {} {} its carrier", now.name, running(now) ? "found" : "lost");
  if (before->mtu != now.mtu) return fmt::format("link {} mtu {} changed to {}", now.name, before->mtu, now.mtu);
  return fmt::format("link {} changed", now.name);
}

std::string describe_deleted_link(const Link& link, bool moved) {
  return fmt::format("link {} {}", link.name, moved ? "moved to another network namespace" : "deleted");
}

std::string describe_address(const InterfaceAddress& address, const Snapshot& names, std::string_view happened) {
  return fmt::format("address {}/{} of {} {}", address.address.to_string(), address.prefix_length, name_of(address.link_index, names),
                     happened);
}

std::string describe_route(const Route& route, const Snapshot& names, std::string_view happened) {
  auto text = fmt::format("{}route {}{}", family_prefix(route.family), type_text(route.type), destination_text(route.destination));
  for (const auto& hop : route.next_hops) {
    if (route.next_hops.size() > 1) text += " nexthop";
    add_hop(text, hop, names);
  }
  if (route.table != RT_TABLE_MAIN) text += " table " + table_text(route.table);
  if (route.source) fmt::format_to(std::back_inserter(text), " from {}", route.source->to_string());
  if (route.tos != 0) fmt::format_to(std::back_inserter(text), " tos {:#x}", route.tos);
  if (route.metric != 0) fmt::format_to(std::back_inserter(text), " metric {}", route.metric);
  return happened.empty() ? text : fmt::format("{} {}", text, happened);
}

std::string describe_next_hop_object(const NextHopObject& object, const Snapshot& names, std::string_view happened) {
  auto text = fmt::format("next hop object {}", object.id);
  if (object.blackhole) text += " blackhole";
  for (std::size_t i = 0; i < object.group.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? " group " : "/", object.group[i]);
    if (i < object.weights.size() && object.weights[i] != 0) fmt::format_to(std::back_inserter(text), ",{}", object.weights[i] + 1);
  }
  if (object.group.empty()) add_hop(text, object.hop, names);
  return fmt::format("{} {}", text, happened);
}

std::string describe_router_option(const RouterOption& option, const Snapshot& names) {
  auto text = fmt::format("router advertisement on {}", name_of(option.link_index, names));
  switch (option.option) {
    case option_dns_servers:
      text += option.lifetime == 0U ? " withdraws DNS servers" : " names DNS servers";
      for (const auto& server : option.servers) text += (&server == option.servers.data() ? " " : ", ") + server.to_string();
      break;
    case option_dns_search:
      text += " names DNS search domains";
      break;
    default:
      fmt::format_to(std::back_inserter(text), " carries option {}", option.option);
      break;
  }
  return option.router ? fmt::format("{} (from {})", text, option.router->to_string()) : text;
}

std::string describe_advertised_prefix(const AdvertisedPrefix& prefix, const Snapshot& names) {
  return fmt::format("prefix {} advertised on {}", prefix.prefix.to_string(), name_of(prefix.link_index, names));
}

}  // namespace vpn_sentinel
