#include "probe/watch/look_up_planner.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

/// Plans of ordinary tables are made in microseconds and always for the newest state.
constexpr std::chrono::milliseconds cheap{2};
constexpr int most_age_in_costs = 20;

}  // namespace

const LookUpPlan& LookUpPlanner::plan(const PlanInput& input, std::uint64_t generation, MonoTime now) {
  Key key{generation, input.tunnel_index, input.endpoints_known, input.endpoints, input.own_marks};
  const bool same = key_ && generation != 0 && *key_ == key;
  // A sampled plan asks another share each time, so that in the end everything was asked.
  if (same && plan_.not_asked == 0) return plan_;
  if (key_ && cost_ > cheap && now - made_ < most_age_in_costs * cost_ && key_->tunnel_index == input.tunnel_index) return plan_;
  auto next = input;
  next.round = round_++;
  plan_ = plan_look_ups(next);
  made_ = mono_now();
  cost_ = made_ - now;
  key_ = std::move(key);
  return plan_;
}

}  // namespace vpn_sentinel
