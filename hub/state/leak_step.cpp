#include "hub/state/leak_step.hpp"

namespace vpn_sentinel {
namespace {

/// A meter that has counted nothing yet.
const LeakReport& nothing_counted() {
  static const LeakReport none;
  return none;
}

bool counts(const BoxedOptional<LeakReport>& leak) { return leak && leak->counting; }

LeakStep step_to(const Report& report, const LeakReport& now) { return {report.client_id, report.boot_id, report.seq, &now, 0, nullptr}; }

void begin_with(LeakStep& step, std::uint64_t seq, const LeakReport& before) {
  step.seq_before = seq;
  step.before = &before;
}

/// Nobody counted when the report was made.
LeakStep blind_step(const Report& report) { return {report.client_id, report.boot_id, report.seq, nullptr, 0, nullptr}; }

/// The meter began after the report before: all that it counted is new.
void begin_with_nothing(LeakStep& step) { begin_with(step, step.seq - 1, nothing_counted()); }

/// An earlier report of the same start of the probe.
struct Earlier {
  std::uint64_t seq = 0;
  WallTime time{};
  const BoxedOptional<LeakReport>& leak;
};

/// The meter of the step did not count yet when the earlier report was made. `now`: when the report of the step was. Of a clock that runs
/// ahead admission sets the times of reports right, but not the name of a meter: one that seems to begin after its own report is not
/// comparable with times.
bool began_after(const LeakStep& step, WallTime now, const Earlier& earlier) {
  if (counts(earlier.leak)) return step.now->since > earlier.leak->since;
  return earlier.seq == 1 || (step.now->since >= earlier.time && step.now->since <= now);
}

/// A probe that makes its meter anew adds what the new one counts to what the old one had counted. One that began with nothing and has
/// passed the old numbers looks the same: then it is less than what left, and told as such.
bool goes_on(const LeakReport& now, const BoxedOptional<LeakReport>& earlier) {
  return counts(earlier) && now.packets >= earlier->packets && now.bytes >= earlier->bytes;
}

void begin_with_neighbour(LeakStep& step, WallTime now, const Earlier& earlier) {
  if (counts(earlier.leak) && earlier.leak->since == step.now->since) {
    begin_with(step, earlier.seq, *earlier.leak);
  } else if (began_after(step, now, earlier)) {
    if (goes_on(*step.now, earlier.leak)) {
      begin_with(step, earlier.seq, *earlier.leak);
    } else {
      begin_with_nothing(step);
    }
    // The first report of a start comes before the first meter; what it saw itself without one is a gap of its own.
    step.missed = earlier.seq != 1 || counts(earlier.leak);
  }
}

}  // namespace

std::optional<LeakStep> leak_step(const ClientState* before, const Admitted& admitted) {
  const auto& report = admitted.report;
  if (report.boot_id.empty()) return std::nullopt;
  if (!counts(report.leak)) return blind_step(report);
  auto step = step_to(report, *report.leak);
  if (before == nullptr) {
    if (report.seq == 1) begin_with_nothing(step);
    return step;
  }
  const auto& last = before->last_report;
  const auto now = report.timestamp.value_or(admitted.received);
  const auto earlier = last.timestamp.value_or(before->last_seen);
  if (last.boot_id == report.boot_id) {
    begin_with_neighbour(step, now, {last.seq, earlier, last.leak});
  } else if (report.seq == 1 || (report.leak->since >= earlier && report.leak->since <= now)) {
    begin_with_nothing(step);
    step.missed = true;
  }
  return step;
}

Exposure counters_of(const Report& report) {
  Exposure counters;
  if (counts(report.leak)) static_cast<void>(add(counters, step_to(report, *report.leak)));
  return counters;
}

Exposure exposure_about(const LateReport& late) {
  Exposure exposure;
  const auto& report = late.admitted->report;
  const auto& [before, after] = late.neighbours;
  const auto now = report.timestamp.value_or(late.admitted->received);
  if (counts(report.leak)) {
    auto step = step_to(report, *report.leak);
    if (before) begin_with_neighbour(step, now, {before->seq, before->time, before->leak});
    if (!before && report.seq == 1) begin_with_nothing(step);
    static_cast<void>(add(exposure, step));
  } else if (!report.boot_id.empty()) {
    static_cast<void>(add(exposure, blind_step(report)));
  }
  if (after && counts(after->leak)) {
    LeakStep step{report.client_id, report.boot_id, after->seq, &*after->leak, 0, nullptr};
    begin_with_neighbour(step, after->time, {report.seq, now, report.leak});
    static_cast<void>(add(exposure, step));
  }
  return exposure;
}

}  // namespace vpn_sentinel
