#include "probe/watch/target_safety.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace vpn_sentinel {
namespace {

/// Warnings that say nothing about packets beside the tunnel.
constexpr std::array<std::string_view, 7> harmless{"dns_unverifiable", "dns_egress_is_uplink", "dns_path_differs", "dns_answers_differ",
                                                   "exit_unexpected",  "mtu_blackhole",        "tunnel_down"};

bool casts_doubt(const Finding& finding) {
  return finding.severity != Severity::information && std::find(harmless.begin(), harmless.end(), finding.code) == harmless.end();
}

}  // namespace

TargetSafety safety_of(const Verdict& bare, const Observation& seen) {
  if (is_blind(seen) || seen.namespace_gone) return TargetSafety::unknown;
  if (bare.state == State::danger) return TargetSafety::danger;
  const bool works = seen.tunnel && seen.tunnel->up && seen.tunnel->has_address;
  if (!works || bare.state > State::warning || std::ranges::any_of(bare.findings, casts_doubt)) return TargetSafety::unknown;
  return TargetSafety::safe;
}

}  // namespace vpn_sentinel
