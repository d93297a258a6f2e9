#include "hub/state/known_exit.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace vpn_sentinel {
namespace {

bool is_v6(std::string_view address) { return address.find(':') != std::string_view::npos; }

const std::optional<std::string>& of_family(const ExitReport& exit, bool v6) { return v6 ? exit.v6 : exit.v4; }

/// Services were asked for it, and none answered.
bool was_looked_for_in_vain(const Report& report, bool v6) {
  return std::ranges::any_of(report.findings, [&](const Finding& finding) {
    return finding.code == "exit_family_silent" && finding.evidence.is_object() && finding.evidence.contains(v6 ? "v6" : "v4");
  });
}

}  // namespace

KnownExit known_exit(const ClientState* before, const Report& report) {
  const auto known = before != nullptr ? before->known_address : std::string();
  if (!report.public_ip || *report.public_ip == known) return {known, false};
  const auto& shown = *report.public_ip;
  if (known.empty()) return {shown, false};
  const bool v6 = is_v6(known);
  if (!report.exit || is_v6(shown) == v6) return {shown, true};
  if (of_family(*report.exit, v6)) return {shown, false};  // both are there
  if (!was_looked_for_in_vain(report, v6)) return {known, false};
  const auto& last = before->last_report.exit;
  return {shown, !last || of_family(*last, !v6) != shown};
}

}  // namespace vpn_sentinel
