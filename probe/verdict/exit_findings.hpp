/// What the exit addresses of one observation mean: is it really the VPN's, do the services agree, is it where the user wants it. Pure.
#pragma once

#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// At most one finding of each code; its evidence has one object per family, "v4" and "v6", with the address, how many sources named it and
/// what it was compared with. `since` is the observation's time.
///
/// One service that lies makes neither a green nor a red: the uplink's or the hub's address is danger when most voices name it; when some
/// do and others do not, that is exit_disagrees. A single voice counts only when nobody else answers.
[[nodiscard]] std::vector<Finding> judge_exit(const Observation& seen);

/// Whether the finding's code is one of those that call the exit address itself wrong.
[[nodiscard]] bool is_of_exit(const Finding& finding);

/// A danger that the exit address showed, and nothing has shown since that it ended: the question for that address has had no new answer,
/// or one of fewer voices than a quorum and than showed it; or what the address was compared with is not known any more.
[[nodiscard]] bool exit_went_unanswered(const Finding& finding, const Observation& seen);

}  // namespace vpn_sentinel
