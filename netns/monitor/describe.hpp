/// Changes as lines for people, in the words of ip-monitor(8): "route default dev wg0 table 51820 deleted". Pure.
#pragma once

#include <string>
#include <string_view>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// "link tun0 down (carrier lost)": the program that held the tunnel is gone; "(set down)": somebody switched it off; neither where the
/// kernel's message fits both. `before` is null for a link that was not known. `names` gives the names of the links.
[[nodiscard]] std::string describe_link(const Link& now, const Link* before, const Snapshot& names);
/// `moved`: it lives on in another network namespace.
[[nodiscard]] std::string describe_deleted_link(const Link& link, bool moved);

/// `happened` ends the line: "added", "deleted", "replaced", "gone"; empty for a rule or route that is merely named.
[[nodiscard]] std::string describe_address(const InterfaceAddress& address, const Snapshot& names, std::string_view happened);
[[nodiscard]] std::string describe_route(const Route& route, const Snapshot& names, std::string_view happened);
[[nodiscard]] std::string describe_rule(const Rule& rule, std::string_view happened);
[[nodiscard]] std::string describe_next_hop_object(const NextHopObject& object, const Snapshot& names, std::string_view happened);
[[nodiscard]] std::string describe_router_option(const RouterOption& option, const Snapshot& names);
[[nodiscard]] std::string describe_advertised_prefix(const AdvertisedPrefix& prefix, const Snapshot& names);

}  // namespace vpn_sentinel
