/// Which of two reports of one client is the newer one. Pure.
#pragma once

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// Within one boot the sequence number decides. A boot that was never seen is newer when its clock says so, when its report is fresh (a
/// corrected clock must not hide a restarted probe), or when the client is silent anyway; but one whose clock contradicts what was measured
/// may be a repeated old one, and ends nothing that is bad until the client would be silent. A boot that another followed is history,
/// unless it plainly lives: two probes under one name must show, not hide each other. Python clients keep no queue: what arrives is the
/// latest.
[[nodiscard]] bool is_newer(const Report& report, WallTime received, const ClientState& known);

[[nodiscard]] bool is_retired(const std::vector<std::string>& retired_boots, const std::string& boot_id);

/// The boots that others followed, after `report` became the newest.
[[nodiscard]] std::vector<std::string> retire_boot(const ClientState& known, const Report& report);

}  // namespace vpn_sentinel
