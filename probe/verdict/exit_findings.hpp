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

/// A danger that the exit address showed, and the question for that address has had no new answer: it has not ended.
[[nodiscard]] bool exit_went_unanswered(const Finding& finding, const Observation& seen);

}  // namespace vpn_sentinel
