/// What canaries tell of a kill switch, in words: the daemon and the command say the same.
#pragma once

#include <string>
#include <vector>

#include "netns/firewall/kill_switch.hpp"

namespace vpn_sentinel {

struct KillSwitchProof {
  Proof verdict = Proof::unproven;
  std::string why{};  ///< of broken: which canary left, or why none could be sent; of unproven: why nothing was shown
  std::vector<CanaryReport> canaries{};
};

/// "by eth0 (IPv4)". Pure.
[[nodiscard]] std::string name_of(const CanaryReport& canary);
/// Pure.
[[nodiscard]] KillSwitchProof judge_canaries(std::vector<CanaryReport> canaries);

/// One round of canaries by each uplink of the policy that is there: by a device that went away nothing leaves. Blocks for some
/// milliseconds at the most.
[[nodiscard]] KillSwitchProof prove_by_canaries(const KillSwitch& kill_switch, const FirewallPolicy& policy);

}  // namespace vpn_sentinel
