/// What only a series of reports shows: a latency far from the client's own, DNS that goes astray now and then. In memory alone: after a
/// start it is learnt anew, and until then nothing is said. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

namespace vpn_sentinel {

/// Robust: of the newest few the median is held against median and MAD (median absolute deviation) of those before. One value of any size
/// moves neither.
class LatencySeries {
 public:
  static constexpr std::size_t newest = 5;
  static constexpr std::size_t least = 30;  ///< before the newest
  static constexpr std::size_t most = 240;

  struct Verdict {
    double now_ms = 0;
    double usual_ms = 0;
    bool deviates = false;
  };
  /// Milliseconds.
  void add(double latency_ms);
  /// `deviations`: so many usual ones (1.4826 MAD, at least 1 ms and 5 % of the median) count as far. Nullopt: too few values.
  [[nodiscard]] std::optional<Verdict> verdict(double deviations) const;

 private:
  std::deque<double> values_;
};

/// How many of the last reports were so.
class RecentCount {
 public:
  void add(bool is_so, std::size_t of);
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

 private:
  std::deque<bool> values_;
  std::size_t count_ = 0;
};

}  // namespace vpn_sentinel
