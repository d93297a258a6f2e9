/// Which elements of a set the value of a register may be. Pure.
#pragma once

#include <span>
#include <vector>

#include "netns/firewall/ruleset_packet.hpp"
#include "netns/firewall/ruleset_values.hpp"

namespace vpn_sentinel::audit {

struct Found {
  std::vector<const Element*> elements;  ///< in which the value may be
  bool misses = false;                   ///< it may be in none
};
/// `cells`: as many as the key has bytes.
[[nodiscard]] Found look_up(const Set& set, std::span<const Cell> cells, const Exclusions& never);

}  // namespace vpn_sentinel::audit
