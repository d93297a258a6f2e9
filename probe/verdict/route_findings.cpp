#include "probe/verdict/route_findings.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <set>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Enough to understand; a report is bounded, and the rows are made while the alarm waits.
constexpr std::size_t most_rows = 8;

const FlowView& flow_of(const LookUp& look_up, const Observation& seen) {
  static const FlowView ordinary;
  return look_up.flow < seen.flows.size() ? seen.flows[look_up.flow] : ordinary;
}

bool is_outside(const LookUp& look_up) { return look_up.way && look_up.way->kind == Way::Kind::outside; }

bool is_ordinary(const LookUp& look_up, const Observation& seen) { return flow_of(look_up, seen).whom.empty(); }

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case RTPROT_REDIRECT:
      return "redirect";
    case RTPROT_KERNEL:
      return "kernel";
    case RTPROT_BOOT:
      return "boot";
    case RTPROT_STATIC:
      return "static";
    case RTPROT_RA:
      return "ra";
    case RTPROT_DHCP:
      return "dhcp";
    default:
      return std::to_string(protocol);
  }
}

/// A route that takes half of all addresses or more is the default route in all but name (redirect-gateway def1); of IPv6 only 2000::/3
/// is public.
bool is_whole(const RouteView& route) { return route.prefix.length() <= (route.prefix.address().is_v4() ? 1U : 3U); }

bool holds_endpoint(const IpPrefix& prefix, const Observation& seen) {
  return std::ranges::any_of(seen.endpoints, [&](const EndpointView& endpoint) { return prefix.contains(endpoint.address); });
}

std::string_view code_of_route(const RouteView& route, const Observation& seen) {
  if (route.on_link) return "route_captures_local";
  const unsigned host = route.prefix.address().is_v4() ? 32 : 128;
  return route.prefix.length() != host && holds_endpoint(route.prefix, seen) ? "endpoint_route_misused" : "route_injected";
}

json row_of(const LookUp& look_up, const Observation& seen) {
  const auto& way = *look_up.way;
  json::object_t row;
  row.emplace("destination", look_up.destination.to_string());
  row.emplace("device", way.device);
  if (way.gateway) row.emplace("gateway", way.gateway->to_string());
  if (way.route) {
    row.emplace("route", way.route->prefix.to_string());
    row.emplace("table", way.route->table);
    row.emplace("protocol", protocol_name(way.route->protocol));
    if (way.route->protocol == RTPROT_RA) row.emplace("router_advertisement", way.gateway ? way.gateway->to_string() : way.device);
  }
  if (look_up.legs > 1) row.emplace("next_hops", look_up.legs);
  const auto& flow = flow_of(look_up, seen);
  if (!flow.whom.empty()) row.emplace("for", flow.whom);
  if (!look_up.rule.empty()) row.emplace("rule", look_up.rule);
  row.emplace("line", route_line(look_up, seen));
  return row;
}

/// Collects the ways out under their codes: eight addresses by one route are one fact.
class WaysOut {
 public:
  explicit WaysOut(const Observation& seen) : seen_(seen) {
    for (const auto& look_up : seen.look_ups) {
      if (!look_up.way || !is_ordinary(look_up, seen)) continue;
      if (look_up.way->kind == Way::Kind::tunnel) by_tunnel_.insert(look_up.destination);
      if (!is_outside(look_up)) continue;
      open_.insert(look_up.destination);
      const bool whole = !look_up.way->route || is_whole(*look_up.way->route);
      ipv6_is_open_ = ipv6_is_open_ || (whole && !look_up.destination.is_v4());
    }
  }

  void take(const LookUp& look_up) {
    const auto& route = look_up.way->route;
    const bool v4 = look_up.destination.is_v4();
    const bool whole = !route || is_whole(*route);
    if (!v4 || whole || look_up.representative) add(v4 ? "default_route_outside" : "ipv6_outside", look_up);
    // Where IPv6 leaves as a whole, each of its routes would be the same news again.
    if (!whole && (v4 || !ipv6_is_open_)) add(code_of_route(*route, seen_), look_up);
  }

  /// What only the packets of some rule do; not told again where ordinary ones do it too.
  void take_selected(const LookUp& look_up) {
    if (open_.contains(look_up.destination)) return;
    // Where IPv6 finds no way without a source, the kernel picks one and asks again (ip6_dst_lookup): then every socket is bound.
    const bool everybody = flow_of(look_up, seen_).bound && !look_up.destination.is_v4() && !by_tunnel_.contains(look_up.destination);
    add(everybody ? "ipv6_outside" : "rule_changed", look_up);
  }

  [[nodiscard]] std::vector<Finding> findings() {
    std::vector<Finding> result;
    for (auto& group : groups_) {
      const auto* const text = find_text(group.code);
      const bool bound_only =
          group.code == "rule_changed" && std::ranges::all_of(group.told, [&](const LookUp* told) { return flow_of(*told, seen_).bound; });
      json::array_t rows;
      for (const auto* const told : group.told) {
        rows.push_back(row_of(*told, seen_));
        if (group.code == "rule_changed" && !told->allow.empty()) rows.back()["allow"] = told->allow;
      }
      json::object_t evidence;
      evidence.emplace("routes", std::move(rows));
      if (group.more > 0) evidence.emplace("more", group.more);
      result.push_back(
          Finding{std::string(group.code), bound_only ? Severity::information : text->severity, seen_.time, json(std::move(evidence))});
    }
    return result;
  }

 private:
  struct Group {
    std::string_view code;
    std::vector<const LookUp*> told;
    std::size_t more = 0;
  };

  void add(std::string_view code, const LookUp& look_up) {
    auto group = std::ranges::find(groups_, code, &Group::code);
    if (group == groups_.end()) group = groups_.insert(groups_.end(), Group{code, {}, 0});
    const auto& whom = flow_of(look_up, seen_).whom;
    const bool known = std::ranges::any_of(
        group->told, [&](const LookUp* other) { return *other->way == *look_up.way && flow_of(*other, seen_).whom == whom; });
    if (known) return;
    if (group->told.size() == most_rows) {
      ++group->more;
    } else {
      group->told.push_back(&look_up);
    }
  }

  const Observation& seen_;
  std::vector<Group> groups_;
  std::set<IpAddress> open_;       ///< where ordinary packets leave
  std::set<IpAddress> by_tunnel_;  ///< where they go by the tunnel
  bool ipv6_is_open_ = false;
};

}  // namespace

Tally tally(const Observation& seen, Family family) {
  Tally count;
  for (const auto& look_up : seen.look_ups) {
    if (look_up.destination.family() != family) continue;
    // A failure counts for whatever packets: not knowing about a few is not knowing.
    if (!look_up.way) {
      ++count.failed;
      continue;
    }
    if (!is_ordinary(look_up, seen)) continue;
    if (look_up.way->kind == Way::Kind::tunnel) {
      ++count.by_tunnel;
    } else if (look_up.way->kind == Way::Kind::outside) {
      ++count.outside;
    } else {
      ++count.nowhere;
    }
  }
  return count;
}

std::vector<Finding> judge_ways_out(const Observation& seen) {
  WaysOut out{seen};
  for (const auto& look_up : seen.look_ups) {
    if (is_outside(look_up) && is_ordinary(look_up, seen)) out.take(look_up);
  }
  for (const auto& look_up : seen.look_ups) {
    if (is_outside(look_up) && !is_ordinary(look_up, seen)) out.take_selected(look_up);
  }
  return out.findings();
}

std::string route_line(const LookUp& look_up, const Observation& seen) {
  const auto& selector = flow_of(look_up, seen).selector;
  auto line = look_up.destination.to_string() + (selector.empty() ? "" : " " + selector);
  if (!look_up.way) return fmt::format("{}: {}", line, look_up.way.error().message);
  const auto& way = *look_up.way;
  if (way.kind == Way::Kind::nowhere) return fmt::format("{}: {}", line, way.why_nowhere);
  if (way.gateway) line += fmt::format(" via {}", way.gateway->to_string());
  line += fmt::format(" dev {}", way.device);
  if (!way.route) return line;
  line += fmt::format(" table {} proto {}", way.route->table, protocol_name(way.route->protocol));
  if (way.route->metric != 0) line += fmt::format(" metric {}", way.route->metric);
  return line;
}

}  // namespace vpn_sentinel
