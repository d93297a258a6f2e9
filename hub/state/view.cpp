#include "hub/state/view.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

/// What the page allows itself, too.
constexpr std::chrono::seconds reader_patience{3};
constexpr std::string_view cannot_store = "hub_cannot_store";

}  // namespace

Finding hub_finding(std::string_view code, WallTime since, nlohmann::json evidence) {
  const auto* text = find_text(code);
  return {std::string(code), text != nullptr ? text->severity : Severity::warning, since, std::move(evidence)};
}

bool is_overdue(const ClientState& client, WallTime now) { return client.state != State::offline && client.lease_deadline <= now; }

ClientState gone_silent(const ClientState& before) {
  auto after = before;
  after.state = State::offline;
  after.state_before_offline = before.state;
  after.since = before.lease_deadline;
  nlohmann::json evidence{{"last_seen", to_rfc3339(before.last_seen)}};
  if (before.last_report.lease_s) evidence["lease_s"] = *before.last_report.lease_s;
  after.findings = {hub_finding("lease_expired", before.lease_deadline, std::move(evidence))};
  return after;
}

std::shared_ptr<const ClientState> seen_at(std::shared_ptr<const ClientState> client, WallTime now) {
  if (client == nullptr || !is_overdue(*client, now - reader_patience)) return client;
  return std::make_shared<const ClientState>(gone_silent(*client));
}

ClientState not_stored(ClientState reported, const ClientState* shown, WallTime now) {
  auto since = now;
  if (shown != nullptr && shown->state != State::offline) {
    for (const auto& finding : shown->findings) {
      if (finding.code == cannot_store) since = finding.since;
    }
    if (shown->state > reported.state) {
      reported.state = shown->state;
      reported.since = shown->since;
      reported.findings = shown->findings;
    }
  }
  std::erase_if(reported.findings, [](const Finding& finding) { return finding.code == cannot_store; });
  reported.findings.push_back(hub_finding(cannot_store, since, nlohmann::json::object()));
  if (reported.state == State::secure) {
    reported.state = State::warning;
    reported.since = since;
  }
  return reported;
}

}  // namespace vpn_sentinel
