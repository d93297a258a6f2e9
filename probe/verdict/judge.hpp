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

/// Whether the look says nothing at all about where packets go. A namespace that is gone sends none.
[[nodiscard]] bool is_blind(const Observation& seen);

/// For a blind look: what was dangerous or contained at the last one is taken to go on, because nothing shows that it ended. And as nobody
/// can say any longer that nothing leaves, not being able to look is itself a danger then: never calmer than what it cannot exclude.
void keep_severe(Verdict& verdict, const Verdict& previous);

/// For a look in which some questions had no answer: neither a leak nor a stale handshake ends because just its question was one of them.
void keep_unanswered(Verdict& verdict, const Verdict& previous, const Observation& seen);

/// A tunnel that was made anew has shown nothing yet: dangers that the exit address showed through the one before go on until an exit has
/// answered. `remembered`: what was there last, kept over the times without a tunnel.
void keep_exit_dangers(Verdict& verdict, std::vector<Finding>& remembered, const Observation& seen);

/// Findings that were there before keep their `since`.
void carry_since(std::vector<Finding>& findings, const std::vector<Finding>& previous);

/// True when both say the same: state, codes and severities. Evidence and times may differ.
[[nodiscard]] bool same_judgement(const Verdict& a, const Verdict& b);

}  // namespace vpn_sentinel
