/// Latencies in buckets that are at most 1.6 % wide: millions of samples in 30 KiB.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vpn_sentinel {

class Histogram {
 public:
  /// `value` in microseconds; more than 71 minutes count as 71 minutes.
  void add(std::uint32_t value) {
    ++buckets_.at(bucket_of(value));
    ++count_;
    if (value > max_) max_ = value;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t max() const noexcept { return max_; }
  /// Nearest rank, `part` from 0 to 1; 0 without samples.
  [[nodiscard]] std::uint32_t percentile(double part) const {
    auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      if (buckets_.at(bucket) > wanted) return least_of(bucket);
      wanted -= buckets_.at(bucket);
    }
    return max_;
  }

 private:
  /// Below this each value has a bucket of its own; above, each power of two has half as many.
  static constexpr std::uint32_t exact = 128;

  static std::size_t bucket_of(std::uint32_t value) {
    if (value < exact) return value;
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
    return shift * exact / 2 + (value >> shift);
  }
  static std::uint32_t least_of(std::size_t bucket) {
    if (bucket < exact) return static_cast<std::uint32_t>(bucket);
    const auto shift = (bucket - exact / 2) / (exact / 2);
    return static_cast<std::uint32_t>((bucket - shift * exact / 2) << shift);
  }

  std::array<std::uint64_t, 128 + 25 * 64> buckets_{};
  std::uint64_t count_ = 0;
  std::uint32_t max_ = 0;
};

}  // namespace vpn_sentinel
