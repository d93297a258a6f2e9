/// The judgement: a pure function of an observation. Never secure when something could not be looked at.
#pragma once

#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

struct Verdict {
  State state = State::warning;
  std::vector<Finding> findings;  ///< most severe first; `since` is the observation's time
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

[[nodiscard]] Verdict judge(const Observation& seen);

/// For a namespace that cannot be looked at: what was dangerous at the last look is taken to go on, because nothing shows that it ended.
void keep_dangers(Verdict& verdict, const Verdict& previous);

/// Findings that were there before keep their `since`.
void carry_since(std::vector<Finding>& findings, const std::vector<Finding>& previous);

/// True when both say the same: state, codes and severities. Evidence and times may differ.
[[nodiscard]] bool same_judgement(const Verdict& a, const Verdict& b);

}  // namespace vpn_sentinel
