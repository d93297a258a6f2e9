#include "hub/state/clock_skew.hpp"

#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

/// Five reports of the usual interval; a clock that was set shows after that time at the latest.
constexpr std::chrono::minutes remembered{10};
/// Less than this is the way, or a busy machine.
constexpr std::chrono::seconds tolerated{30};

}  // namespace

void note_clock(const ClientState* before, const Admitted& admitted, ClientState& after) {
  using std::chrono::abs;
  const bool same_start = before != nullptr && before->last_report.boot_id == admitted.report.boot_id;
  if (same_start && before->clock_skew && admitted.received - before->clock_measured < remembered) {
    after.clock_skew = before->clock_skew;
    after.clock_measured = before->clock_measured;
  }
  const bool smaller = admitted.clock_skew && (!after.clock_skew || abs(*admitted.clock_skew) <= abs(*after.clock_skew));
  if (smaller) {
    after.clock_skew = admitted.clock_skew;
    after.clock_measured = admitted.received;
  }
  if (!after.clock_skew || abs(*after.clock_skew) <= tolerated || after.state == State::offline) return;
  auto since = admitted.received;
  if (before != nullptr) {
    for (const auto& finding : before->findings) {
      if (finding.code == "clock_skewed") since = finding.since;
    }
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*after.clock_skew).count();
  after.findings.push_back(hub_finding("clock_skewed", since, {{"probe_behind_hub_s", seconds}}));
}

}  // namespace vpn_sentinel
