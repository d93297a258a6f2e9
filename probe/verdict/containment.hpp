/// What a kill switch that holds makes of the judgement: what the routes would let out does not leave. Pure.
#pragma once

#include "probe/verdict/judge.hpp"

namespace vpn_sentinel {

/// Dangers of the routes become `contained`, with "held_by" in their evidence, where the kill switch of `seen` holds and drops every packet
/// that showed them. What goes to a local network, to a VPN server or by an interface that it takes for the tunnel stays a danger. Adds
/// what is to be said of the kill switch itself. `bare` is judged without regard to the kill switch.
[[nodiscard]] Verdict contain(const Verdict& bare, const Observation& seen);

}  // namespace vpn_sentinel
