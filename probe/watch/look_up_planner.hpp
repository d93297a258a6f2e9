/// Keeps the plan of one target until something changes that it depends on: a quiet namespace is asked the same questions again and again.
#pragma once

#include <cstdint>
#include <optional>

#include "netns/base/clock.hpp"
#include "probe/watch/look_up_plan.hpp"

namespace vpn_sentinel {

class LookUpPlanner {
 public:
  /// `generation` of input.snapshot; 0: unknown, the plan is made anew. Valid until the next call. A plan of large tables takes a while, so
  /// that while changes pour in it is at most 20 times as old as it took; the public addresses are asked in every plan.
  [[nodiscard]] const LookUpPlan& plan(const PlanInput& input, std::uint64_t generation, MonoTime now);

 private:
  struct Key {
    std::uint64_t generation = 0;
    std::uint32_t tunnel_index = 0;
    bool endpoints_known = false;
    std::vector<IpAddress> endpoints;
    std::vector<std::uint32_t> own_marks;
    friend bool operator==(const Key&, const Key&) = default;
  };

  LookUpPlan plan_;
  std::optional<Key> key_;
  MonoTime made_{};
  std::chrono::nanoseconds cost_{0};
  std::size_t round_ = 0;
};

}  // namespace vpn_sentinel
