#include "netns/monitor/change_gate.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

void ChangeGate::add(Pending change) {
  if (!pending_) {
    pending_ = std::move(change);
    return;
  }
  pending_->resynchronised |= change.resynchronised;
  if (change.telling <= pending_->telling) return;
  pending_->telling = change.telling;
  pending_->cause = std::move(change.cause);
}

std::optional<ChangeGate::Pending> ChangeGate::take(MonoTime now) {
  const auto elapsed = now - std::exchange(counted_, now);
  credit_ = std::min<std::chrono::nanoseconds>(credit_ + std::min<std::chrono::nanoseconds>(elapsed, at_once * pace), at_once * pace);
  if (!pending_ || credit_ < pace) return std::nullopt;
  credit_ -= pace;
  return std::exchange(pending_, std::nullopt);
}

std::optional<std::chrono::nanoseconds> ChangeGate::again_in() const {
  if (!pending_) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(pace - credit_, std::chrono::nanoseconds{0});
}

}  // namespace vpn_sentinel
