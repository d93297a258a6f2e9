/// When a new verdict is told to others. Bad news at once; good news when it is verified, or after a short patience; while the target
/// flaps, when they have lasted (Flapping). Pure: fed with times.
#pragma once

#include <chrono>
#include <optional>

#include "netns/base/clock.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/flapping.hpp"

namespace vpn_sentinel {

class PublishGate {
 public:
  /// The first verdict of a watch waits this long for its checks, unless it is bad.
  static constexpr std::chrono::milliseconds start_patience{4000};
  /// An improvement that the liveness check has not confirmed yet waits this long.
  static constexpr std::chrono::milliseconds settle{1000};

  /// Without `debounce` improvements of a target that flaps are told like any other.
  explicit PublishGate(bool debounce = true) : debounce_(debounce) {}

  struct Decision {
    bool publish = false;
    std::optional<MonoTime> again_at;  ///< ask again then, if nothing happens before
  };
  /// For each judgement in the order of time. `pending`: an answer that may still change the verdict for the better is awaited.
  [[nodiscard]] Decision decide(const Verdict& judged, bool pending, MonoTime now);
  /// The last one that decide() let through, with what Flapping held.
  [[nodiscard]] const std::optional<Verdict>& published() const noexcept { return published_; }

 private:
  bool debounce_;
  Flapping flapping_;
  std::optional<Verdict> published_;
  std::optional<MonoTime> waiting_since_;
};

}  // namespace vpn_sentinel
