/// Which way a flow takes, and whether that is outside the tunnel. Pure: what is allowed outside is FirewallPolicy, made by
/// outside_policy() for leak meter and kill switch, so that all of them mean the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/firewall/firewall_policy.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/connections/sighting.hpp"

namespace vpn_sentinel {

enum class FlowWay : std::uint8_t {
  unknown,  ///< could not be told, with the reason
  tunnel,
  outside,   ///< beside the tunnel, and not allowed to
  allowed,   ///< beside the tunnel, as the settings want it
  server,    ///< to the VPN's server: the tunnel's own
  local,     ///< to a local network, or to a device that leads to no other machine
  loopback,  ///< stays in the namespace
  nowhere,   ///< no route, or one that drops
};
[[nodiscard]] std::string_view to_string(FlowWay way);

/// What of a namespace decides it.
struct FlowGround {
  FirewallPolicy policy;
  bool tunnel_known = false;                ///< without a tunnel nothing can be told to be outside it
  std::map<std::uint32_t, Link> links;      ///< by index
  std::vector<InterfaceAddress> addresses;  ///< own ones
  bool rules_by_mark = false;               ///< policy rules tell packets apart by marks
  bool rules_by_ports = false;              ///< by ports
};
[[nodiscard]] FlowGround make_flow_ground(const Snapshot& snapshot, FirewallPolicy policy, bool tunnel_known);

struct FlowDirection {
  FlowWay way = FlowWay::unknown;
  std::string device;  ///< empty: none, or not known
  std::string why;     ///< of unknown, a half sentence
  friend bool operator==(const FlowDirection&, const FlowDirection&) = default;
};

/// By the device that packets were seen to leave by, else that the socket is bound to, else by an own address as the far end. Empty: the
/// kernel has to be asked for the route.
[[nodiscard]] std::optional<FlowDirection> way_by_device(const Sighting& seen, const FlowGround& ground);
/// The question whose answer way_by_route() takes. Without ports where no rule looks at them, so that one answer serves many.
[[nodiscard]] RouteQuestion route_question(const Sighting& seen, bool with_ports = true);
[[nodiscard]] FlowDirection way_by_route(const Sighting& seen, const Result<RouteAnswer>& answer, const FlowGround& ground);

/// Many at once: the kernel is asked for those alone that need it, once for all that ask the same.
/// Not pure: `look_up` asks.
[[nodiscard]] std::vector<FlowDirection> find_ways(const std::vector<Sighting>& seen, const FlowGround& ground, RouteLookup& look_up);

}  // namespace vpn_sentinel
