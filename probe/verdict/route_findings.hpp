/// What the look-ups of one observation mean: which packets leave outside the tunnel, by which route or rule. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// How the look-ups of ordinary packets of one family went.
struct Tally {
  std::size_t by_tunnel = 0;
  std::size_t outside = 0;
  std::size_t nowhere = 0;
  std::size_t failed = 0;
};
[[nodiscard]] Tally tally(const Observation& seen, Family family);

/// One finding for each code, with the ways out as evidence. `since` is the observation's time.
[[nodiscard]] std::vector<Finding> judge_ways_out(const Observation& seen);

/// "198.51.100.7 mark 0x1 via 203.0.113.1 dev eth0 table 254": what `ip route get` would print.
[[nodiscard]] std::string route_line(const LookUp& look_up, const Observation& seen);

}  // namespace vpn_sentinel
