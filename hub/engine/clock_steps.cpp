#include "hub/engine/clock_steps.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// More than this between the wall clock and the uptime within a turn: the clock was set.
constexpr microseconds clock_step{2'000'000};
/// A step of more than this may be a clock that was never set, or one that is set to a wrong time: nothing is removed for its age until the
/// clock has gone on evenly for so long.
constexpr microseconds great_step{std::chrono::hours{1}};
constexpr microseconds doubted_for{std::chrono::hours{24}};
/// As long after a step of the clock reports may come that were stamped before it; and no report waits longer in the queue.
constexpr microseconds stamped_before{10'000'000};

}  // namespace

void ClockSteps::begin(WallTime now, microseconds uptime) {
  wall_ = now;
  uptime_ = uptime;
}

void ClockSteps::skip_to(microseconds uptime) { wall_ += uptime - std::exchange(uptime_, uptime); }

ClockSteps::Turn ClockSteps::turn(WallTime now, microseconds uptime) {
  const auto elapsed = uptime - std::exchange(uptime_, uptime);
  const auto step = (now - std::exchange(wall_, now)) - elapsed;
  if (step > great_step || step < -great_step) doubted_since_ = uptime;
  if (step <= clock_step && step >= -clock_step) return {elapsed, microseconds{0}};
  stepped_at_ = uptime;
  return {elapsed, step};
}

void ClockSteps::set_right(std::vector<WaitingReport>& reports, WallTime now) const {
  if (!stepped_at_ || uptime_ - *stepped_at_ > stamped_before) return;
  for (auto& waiting : reports) waiting.admitted->received = std::clamp(waiting.admitted->received, now - stamped_before, now);
}

bool ClockSteps::is_trusted() const { return !doubted_since_ || uptime_ - *doubted_since_ >= doubted_for; }

}  // namespace vpn_sentinel
