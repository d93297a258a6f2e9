#include "probe/watch/look_up_planner.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

/// Plans of ordinary tables are made in microseconds and always for the newest state.
constexpr std::chrono::milliseconds cheap{2};
constexpr int most_age_in_costs = 20;
constexpr std::chrono::seconds longest_age{1};

}  // namespace

const LookUpPlan& LookUpPlanner::plan(const PlanInput& input, std::uint64_t generation, MonoTime now) {
  Key key{generation, input.tunnel_index, input.endpoints_known, input.endpoints, input.own_marks, input.marks_told};
  const bool same = key_ && generation != 0 && *key_ == key;
  // A sampled plan asks another share each time, so that in the end everything was asked.
  if (same && plan_.not_asked == 0) return plan_;
  if (key_ && cost_ > cheap && now - made_ < std::min<std::chrono::nanoseconds>(most_age_in_costs * cost_, longest_age) &&
      key_->tunnel_index == input.tunnel_index)
    return plan_;
  auto next = input;
  next.round = round_++;
  plan_ = plan_look_ups(next);
  for (const auto& kept : kept_) {
    plan_.questions.push_back(kept.question);
    plan_.meanings.push_back({plan_.flows.size(), kept.representative});
    plan_.flows.push_back(kept.flow);
  }
  made_ = mono_now();
  cost_ = made_ - now;
  key_ = std::move(key);
  return plan_;
}

void LookUpPlanner::keep_asking(const std::vector<std::size_t>& questions) {
  std::vector<Kept> kept;
  // Where everything is asked each time, nothing has to be kept.
  if (plan_.not_asked > 0) {
    for (const auto index : questions) {
      if (kept.size() == most_kept) break;
      const auto& question = plan_.questions[index];
      // Asked by its turn and because it was kept: once is enough.
      if (std::ranges::find(kept, question, &Kept::question) != kept.end()) continue;
      const auto& meaning = plan_.meanings[index];
      kept.push_back({question, plan_.flows[meaning.flow], meaning.representative});
    }
  }
  kept_ = std::move(kept);
}

}  // namespace vpn_sentinel
