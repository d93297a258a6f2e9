#include "hub/state/late_report.hpp"

#include <algorithm>
#include <tuple>

#include "hub/state/leak_step.hpp"

namespace vpn_sentinel {
namespace {

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

State state_of(const std::optional<StoredReport>& stored) { return stored ? stored->state : State::secure; }

bool are_of_one_start(const Admitted& left, const Admitted& right) {
  return left.report.client_id == right.report.client_id && left.report.boot_id == right.report.boot_id;
}

bool is_stored_as(const std::optional<StoredReport>& stored, const Admitted& admitted) {
  return stored && stored->seq == admitted.report.seq;
}

}  // namespace

void place_among_each_other(std::vector<LateReport>& late) {
  std::ranges::stable_sort(late, {}, [](const LateReport& one) {
    const auto& report = one.admitted->report;
    return std::tie(report.client_id, report.boot_id, report.seq);
  });
  const LateReport* before = nullptr;
  for (auto& one : late) {
    const bool follows = before != nullptr && are_of_one_start(*before->admitted, *one.admitted);
    const bool goes_on = follows && is_stored_as(one.neighbours.before, *before->admitted);
    one.taken_for = goes_on ? before->taken_for : state_of(one.neighbours.before);
    before = &one;
  }
  for (std::size_t i = 0; i + 1 < late.size(); ++i) {
    const auto& next = *late[i + 1].admitted;
    late[i].next_came_with_it = are_of_one_start(*late[i].admitted, next) && is_stored_as(late[i].neighbours.after, next);
  }
}

std::vector<Change> past_changes(const LateReport& late, const ClientState& client) {
  const auto& admitted = *late.admitted;
  if (admitted.report.trigger == "stop") return {};
  const auto state = believed_state(admitted.report);
  const auto before = state_of(late.neighbours.before);
  std::vector<Change> changes;
  const auto& after = late.neighbours.after;
  // The next one told of this state when it came: it began earlier, and that is the incident's to say.
  const bool is_told = after && !late.next_came_with_it && after->state == state && late.taken_for != state;
  if (state != before && !is_told) changes.push_back(past_change(admitted, client, before, state, time_of(admitted)));
  // When the known ones on both sides agree, nothing tells yet that it went back; else the next one did when it came.
  if (after && !late.next_came_with_it && after->state != state && after->state == late.taken_for) {
    changes.push_back(past_change(admitted, client, state, after->state, std::max(after->time, time_of(admitted))));
    changes.back().client.last_report.findings.clear();
  }
  return changes;
}

PastStretch past_stretch(const LateReport& late, std::chrono::seconds default_lease) {
  const auto& report = late.admitted->report;
  const auto& after = late.neighbours.after;
  PastStretch stretch;
  stretch.client_id = report.client_id;
  stretch.state = believed_state(report);
  stretch.before = late.taken_for;
  stretch.from = time_of(*late.admitted);
  const auto lease = report.lease_s ? std::chrono::seconds{*report.lease_s} : default_lease;
  stretch.to = std::max(stretch.from, after ? after->time : std::min(stretch.from + lease, late.admitted->received));
  stretch.findings = report.findings;
  stretch.exposure = exposure_about(late);
  stretch.counters = counters_of(report);
  return stretch;
}

}  // namespace vpn_sentinel
