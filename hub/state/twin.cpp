#include "hub/state/twin.hpp"

#include <algorithm>

#include "hub/state/exit_paths.hpp"
#include "hub/state/order.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

/// Whoever has taken one of both away sees it gone after this time.
constexpr std::chrono::minutes shown_after{10};
constexpr std::string_view code = "duplicate_client_id";

void add_missing(std::vector<Finding>& findings, const std::vector<Finding>& others) {
  for (const auto& other : others) {
    if (std::ranges::find(findings, other.code, &Finding::code) == findings.end()) findings.push_back(other);
  }
}

/// What the probe of `before` said, and what the hub saw of it; nothing of its twin, or the two would keep each other's findings alive.
std::vector<Finding> own_findings(const ClientState& before) {
  auto findings = before.last_report.findings;
  add_missing(findings, exit_path_findings(before));
  return findings;
}

/// The probe of `before`, which is not the one that reports now.
Twin twin_from(const ClientState& before, const Admitted& admitted) {
  Twin twin;
  twin.boot_id = before.last_report.boot_id;
  twin.source_address = before.source_address;
  twin.findings = own_findings(before);
  twin.state = std::max(before.last_report.state.value_or(State::warning), state_of(twin.findings));
  twin.lease_deadline = before.lease_deadline;
  twin.first_noticed = before.twin ? before.twin->first_noticed : admitted.received;
  twin.shown_until = admitted.received + shown_after;
  return twin;
}

}  // namespace

void note_twin(const ClientState& before, const Admitted& admitted, ClientState& after) {
  const auto& report = admitted.report;
  const auto& last = before.last_report.boot_id;
  const bool other_boot = !last.empty() && last != report.boot_id;
  const bool came_back = other_boot && is_retired(before.retired_boots, report.boot_id) && before.state != State::offline;
  if (came_back) {
    after.twin = twin_from(before, admitted);
  } else if (before.twin && before.twin->shown_until > admitted.received) {
    after.twin = before.twin;
    if (before.twin->boot_id == report.boot_id) after.twin.reset();
  }
  if (!after.twin) return;
  const auto& twin = *after.twin;
  if (twin.lease_deadline > admitted.received) {
    add_missing(after.findings, twin.findings);
    after.state = std::max(after.state, twin.state);
  }
  after.findings.push_back(
      hub_finding(code, twin.first_noticed,
                  {{"boots", {report.boot_id, twin.boot_id}}, {"addresses", {admitted.source_address, twin.source_address}}}));
  after.state = std::max(after.state, state_of(after.findings));
}

}  // namespace vpn_sentinel
