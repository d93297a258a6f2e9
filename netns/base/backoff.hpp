/// Exponential back-off with jitter, fed with random numbers so that tests are exact.
#pragma once

#include <algorithm>
#include <chrono>

namespace vpn_sentinel {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  constexpr Backoff(Duration first, Duration most) noexcept : first_(first), most_(most), next_(first) {}

  /// The next pause: between half and all of the current step; `random` is in [0, 1). The step doubles up to `most`.
  constexpr Duration next(double random) noexcept {
    const auto step = next_;
    next_ = std::min(next_ * 2, most_);
    return step / 2 + Duration{static_cast<Duration::rep>(static_cast<double>(step.count()) / 2 * random)};
  }
  constexpr void reset() noexcept { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
};

}  // namespace vpn_sentinel
