/// The probe that runs with the doctor's data folder: what root may do says nothing about a daemon to which its unit gives less.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "netns/base/capabilities.hpp"
#include "netns/base/result.hpp"
#include "probe/app/probe_settings.hpp"

namespace vpn_sentinel {

struct RunningProbe {
  pid_t pid = 0;
  std::string status;          ///< the text of /proc/PID/status, proc(5)
  bool other_targets = false;  ///< the doctor was asked by flags about others than it watches
};

/// Who answers at the data folder's socket; nullopt also where its rights cannot be read. Does not block.
[[nodiscard]] std::optional<RunningProbe> find_running_probe(const ProbeConfig& config);

/// The mask in the line "KEY:\t000001ffffffffff" of a status file. Pure.
[[nodiscard]] std::optional<CapabilitySet> capability_mask(std::string_view status, std::string_view key);
/// CapPrm, or CapBnd without it. For other targets what its own had no use for, and what it gave up then, counts when it is in CapBnd.
/// Pure.
[[nodiscard]] CapabilitySet rights_of(const RunningProbe& running);

/// For good: the process becomes the running probe's user and keeps no capability that one lacks. Those that it keeps may have to be
/// raised. Before the first thread.
[[nodiscard]] Result<void> take_rights_of(const RunningProbe& running);

/// Whose rights the lines show that root sees; empty where that is plain. `taken`: of the running probe. `units`: systemd starts probes
/// here. Pure.
[[nodiscard]] std::string note_for_root(const std::optional<RunningProbe>& running, const Result<void>& taken, bool units);

}  // namespace vpn_sentinel
