/// Rights of a daemon: given up when it never needs them, at rest until it does. capabilities(7), linux/capability.h. Sets belong to a
/// thread; one that it starts begins with a copy.
#pragma once

#include <linux/capability.h>

#include <cstdint>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// One bit per capability.
using CapabilitySet = std::uint64_t;
[[nodiscard]] constexpr CapabilitySet capability_bit(unsigned number) noexcept { return CapabilitySet{1} << number; }

/// Another network namespace: setns(2).
constexpr CapabilitySet rights_to_enter = capability_bit(CAP_SYS_ADMIN);
/// What belongs to other users: their processes, files and sockets.
constexpr CapabilitySet rights_to_look =
    capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH) | capability_bit(CAP_DAC_OVERRIDE);

/// Of the calling thread. Takes every capability that is not in `keep` out of the effective and permitted sets, and out of the bounding
/// set where CAP_SETPCAP is there to do so: it cannot come back. One of `keep` that was not there stays away. Those in `resting` stay
/// permitted only, for RaisedCapabilities. A program that is executed inherits nothing.
[[nodiscard]] Result<void> keep_capabilities(CapabilitySet keep, CapabilitySet resting = 0);

/// The calling thread, which may have begun with what was raised for its parent, lays `resting` to rest for itself.
void rest_capabilities(CapabilitySet resting) noexcept;

/// What the calling thread may do now.
[[nodiscard]] Result<CapabilitySet> effective_capabilities();
/// And what it may raise.
[[nodiscard]] Result<CapabilitySet> permitted_capabilities();

/// As long as it lives the calling thread has those of `wanted` that are permitted; at its end those that rested rest again. Without any
/// the call that needs it says so. No thread that outlives it should be started meanwhile; that of patient_look may, when it hangs.
class RaisedCapabilities {
 public:
  explicit RaisedCapabilities(CapabilitySet wanted) noexcept;
  ~RaisedCapabilities();
  RaisedCapabilities(const RaisedCapabilities&) = delete;
  RaisedCapabilities& operator=(const RaisedCapabilities&) = delete;

 private:
  CapabilitySet raised_ = 0;
};

}  // namespace vpn_sentinel
