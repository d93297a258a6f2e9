/// Findings about the resolver that programs use. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// One sentence for a code of the decision table: what was seen and what it means. Empty for an unknown code.
[[nodiscard]] std::string_view dns_reason_text(std::string_view reason);

/// Of seen.dns, seen.whoami and what is pending. Each code at most once.
[[nodiscard]] std::vector<Finding> judge_dns(const Observation& seen);

}  // namespace vpn_sentinel
