/// Keeps the plan of one target until something changes that it depends on: a quiet namespace is asked the same questions again and again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/watch/look_up_plan.hpp"

namespace vpn_sentinel {

class LookUpPlanner {
 public:
  /// `generation` of input.snapshot; 0: unknown, the plan is made anew. Valid until the next call. A plan of large tables takes a while, so
  /// that while changes pour in it is at most 20 times as old as it took, and at most a second; the public addresses are asked in every
  /// plan.
  [[nodiscard]] const LookUpPlan& plan(const PlanInput& input, std::uint64_t generation, MonoTime now);
  /// Questions of the present plan, by index, that showed a way outside: while only a share is asked each time they are asked in every
  /// plan, until they are answered otherwise, so that a leak does not end because nobody asked.
  void keep_asking(const std::vector<std::size_t>& questions);

 private:
  struct Key {
    std::uint64_t generation = 0;
    std::uint32_t tunnel_index = 0;
    bool endpoints_known = false;
    std::vector<IpAddress> endpoints;
    std::vector<MarkMatch> own_marks;
    bool marks_told = false;
    friend bool operator==(const Key&, const Key&) = default;
  };

  struct Kept {
    RouteQuestion question;
    FlowClass flow;
    bool representative = false;
  };
  static constexpr std::size_t most_kept = 64;

  LookUpPlan plan_;
  std::vector<Kept> kept_;
  std::optional<Key> key_;
  MonoTime made_{};
  std::chrono::nanoseconds cost_{0};
  std::size_t round_ = 0;
};

}  // namespace vpn_sentinel
