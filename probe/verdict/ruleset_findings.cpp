#include "probe/verdict/ruleset_findings.hpp"

#include <string_view>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// A change that left the packets held is news for so long.
constexpr std::chrono::minutes news_for{5};

std::string_view word_of(RulesetView::Verdict verdict) {
  switch (verdict) {
    case RulesetView::Verdict::holds:
      return "holds";
    case RulesetView::Verdict::lets_out:
      return "lets_out";
    default:
      return "undecided";
  }
}

json evidence_of(const RulesetView& rules) {
  json evidence{{"verdict", word_of(rules.verdict)}, {"reasons", rules.reasons}};
  if (!rules.why_not.empty()) evidence["error"] = rules.why_not;
  if (rules.verdict == RulesetView::Verdict::lets_out && rules.others_held) evidence["others"] = "held back";
  return evidence;
}

json change_of(const RulesetView& rules) {
  auto evidence = evidence_of(rules);
  evidence["changed_by"] = rules.changed_by;
  if (!rules.changed_tables.empty()) evidence["tables"] = rules.changed_tables;
  if (rules.changed_at) evidence["changed_at"] = to_rfc3339(*rules.changed_at);
  return evidence;
}

Finding make(std::string_view code, const Observation& seen, json evidence, Severity severity) {
  return {std::string(code), severity, seen.time, std::move(evidence)};
}

}  // namespace

std::vector<Finding> judge_ruleset(const Observation& seen) {
  std::vector<Finding> findings;
  if (!seen.ruleset || seen.ruleset->no_uplink) return findings;
  const auto& rules = *seen.ruleset;
  const auto add = [&](std::string_view code, json evidence, Severity severity) {
    findings.push_back(make(code, seen, std::move(evidence), severity));
  };
  if (rules.verdict == RulesetView::Verdict::holds) {
    const bool news = rules.changed_at && seen.time >= *rules.changed_at && seen.time - *rules.changed_at < news_for;
    if (news) add("kill_switch_changed", change_of(rules), Severity::information);
    return findings;
  }
  if (rules.held_before) {
    add("kill_switch_changed", change_of(rules), Severity::warning);
  } else {
    // Also when it could not be looked at: that is never fine.
    add("kill_switch_absent", evidence_of(rules), seen.require_kill_switch ? Severity::warning : Severity::information);
  }
  return findings;
}

}  // namespace vpn_sentinel
