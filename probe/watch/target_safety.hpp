/// Whether a target is safe by itself, for a kill switch that arms with the danger and lets go after it. Pure.
#pragma once

#include "netns/firewall/kill_switch.hpp"
#include "probe/verdict/judge.hpp"

namespace vpn_sentinel {

/// danger: as judged. safe: packets go by the tunnel, and nothing casts a doubt on it; warnings about who answers or where the exit is cast
/// none. Everything else is unknown, and changes nothing. `bare` is judged without regard to the kill switch: that nothing leaves any more
/// because it holds is no safety.
[[nodiscard]] TargetSafety safety_of(const Verdict& bare, const Observation& seen);

}  // namespace vpn_sentinel
