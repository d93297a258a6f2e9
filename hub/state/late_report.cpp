#include "hub/state/late_report.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

WallTime time_of(const Admitted& admitted) { return admitted.report.timestamp.value_or(admitted.received); }

Change past_change(const Admitted& late, const ClientState& client, State from, State to, WallTime at) {
  Change change;
  change.kind = Change::Kind::state_changed;
  change.past = true;
  change.client_id = late.report.client_id;
  change.from = from;
  change.to = to;
  change.at = at;
  change.noticed = late.received;
  change.client = client;
  change.client.last_report = late.report;
  return change;
}

}  // namespace

std::vector<Change> past_changes(const Admitted& late, const Neighbours& neighbours, const ClientState& client) {
  const auto state = believed_state(late.report);
  const auto before = neighbours.before ? neighbours.before->state : State::secure;
  if (state == before || late.report.trigger == "stop") return {};
  std::vector<Change> changes{past_change(late, client, before, state, time_of(late))};
  // Both neighbours agreed, so nothing tells yet that it went back.
  if (neighbours.after && neighbours.after->state == before) {
    changes.push_back(past_change(late, client, state, before, std::max(neighbours.after->time, time_of(late))));
    changes.back().client.last_report.findings.clear();
  }
  return changes;
}

PastStretch past_stretch(const Admitted& late, const Neighbours& neighbours, std::chrono::seconds default_lease) {
  const auto& report = late.report;
  PastStretch stretch;
  stretch.client_id = report.client_id;
  stretch.state = believed_state(report);
  stretch.before = neighbours.before ? neighbours.before->state : State::secure;
  stretch.from = time_of(late);
  const auto lease = report.lease_s ? std::chrono::seconds{*report.lease_s} : default_lease;
  stretch.to = std::max(stretch.from, neighbours.after ? neighbours.after->time : std::min(stretch.from + lease, late.received));
  stretch.findings = report.findings;
  return stretch;
}

}  // namespace vpn_sentinel
