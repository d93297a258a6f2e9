/// Which settings would let packets bypass the tunnel on purpose, ready to be copied. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netns/netlink/route_lookup.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// "--allow-marks 0x1/0xff or --allow-tables 100", for packets as `flow` that leave by a route of `table`. Mark and users are those of the
/// narrowest rule that names them. The main table is offered only when there is nothing narrower: it would allow every selecting rule.
[[nodiscard]] std::string allowing_settings(const std::vector<Rule>& rules, Family family, const Flow& flow, std::uint32_t table);

}  // namespace vpn_sentinel
