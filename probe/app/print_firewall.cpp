#include "probe/app/print_firewall.hpp"

#include <fmt/format.h>

#include "probe/app/print_layers.hpp"

namespace vpn_sentinel {
namespace {

std::string told(const RulesetView& rules) {
  if (rules.no_uplink) return "nothing to hold back: there is no way out beside the tunnel";
  if (!rules.why_not.empty()) return "could not be looked at: " + rules.why_not;
  switch (rules.verdict) {
    case RulesetView::Verdict::holds:
      return "would hold packets back if the tunnel failed";
    case RulesetView::Verdict::lets_out:
      return rules.others_held ? "would let some packets out if the tunnel failed" : "would hold nothing back if the tunnel failed";
    default:
      return "could not be decided whether they would hold packets back";
  }
}

}  // namespace

std::string print_firewall(const CheckView& view) {
  if (!view.seen.ruleset) return {};
  const auto& rules = *view.seen.ruleset;
  auto lines = rules.no_uplink ? std::vector<std::string>{} : rules.reasons;
  if (!rules.changed_by.empty()) lines.push_back(fmt::format("changed by {}", rules.changed_by));
  return print_row("firewall", told(rules)) + print_details(lines);
}

}  // namespace vpn_sentinel
