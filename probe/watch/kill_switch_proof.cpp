#include "probe/watch/kill_switch_proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace vpn_sentinel {
namespace {

std::string why_unproven(const std::vector<CanaryReport>& canaries) {
  const auto refused = std::ranges::find(canaries, CanaryOutcome::refused, &CanaryReport::outcome);
  if (refused != canaries.end()) return fmt::format("the canary {} was refused, and our tables noted nothing of it", name_of(*refused));
  const auto unsent = std::ranges::find(canaries, CanaryOutcome::may_leave, &CanaryReport::outcome);
  if (unsent != canaries.end()) return fmt::format("a canary {} might leave on purpose, so it was not sent", name_of(*unsent));
  return canaries.empty() ? "there is no uplink to send a canary by" : "no canary had a way out";
}

}  // namespace

std::string name_of(const CanaryReport& canary) {
  const auto* const kind = canary.by_packet_socket ? "AF_PACKET" : canary.family == Family::v4 ? "IPv4" : "IPv6";
  return fmt::format("by {} ({})", canary.device, kind);
}

KillSwitchProof judge_canaries(std::vector<CanaryReport> canaries) {
  KillSwitchProof proof{proof_of(canaries), {}, {}};
  if (proof.verdict == Proof::broken) {
    proof.why = fmt::format("a canary left {}", name_of(*std::ranges::find(canaries, CanaryOutcome::left, &CanaryReport::outcome)));
  } else if (proof.verdict == Proof::unproven) {
    proof.why = why_unproven(canaries);
  }
  proof.canaries = std::move(canaries);
  return proof;
}

KillSwitchProof prove_by_canaries(const KillSwitch& kill_switch, const FirewallPolicy& policy) {
  std::vector<CanaryReport> canaries;
  for (const auto& uplink : policy.uplinks) {
    auto more = kill_switch.prove({uplink}, policy);
    if (!more && more.error().kind == Error::Kind::not_found) continue;
    if (!more) return {Proof::broken, fmt::format("no canary could be sent: {}", more.error().message), std::move(canaries)};
    canaries.insert(canaries.end(), more->begin(), more->end());
  }
  return judge_canaries(std::move(canaries));
}

}  // namespace vpn_sentinel
