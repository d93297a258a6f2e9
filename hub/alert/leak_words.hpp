/// The words of alerts about what left outside the tunnel and what was held back. Pure.
#pragma once

#include <string>
#include <vector>

#include "hub/alert/notice.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// "900 bytes", "1.5 kB", "12 MB", …: steps of 1000, two digits at least.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// The kill switch holds, and the tunnel is down.
[[nodiscard]] bool held_by_kill_switch(const Report& report, State state);

/// What has left during the incident: how much, then a line for each of the largest destinations with who sent it. Empty: nothing to say.
[[nodiscard]] std::vector<Notice::Line> leak_lines(const Change& change);
/// "holds, 12 packets stopped", "FAILED: …"; empty: there is none, or it is off.
[[nodiscard]] std::string kill_switch_text(const Report& report);

}  // namespace vpn_sentinel
