#include "hub/alert/detector.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "hub/state/hints.hpp"

namespace vpn_sentinel {
namespace {

/// Makes a standard deviation of the MAD of values that are normally distributed.
constexpr double mad_scale = 1.4826;
constexpr double least_deviation_ms = 1;
constexpr double least_deviation_share = 0.05;

}  // namespace

void LatencySeries::add(double latency_ms) {
  if (!std::isfinite(latency_ms) || latency_ms < 0) return;
  values_.push_back(latency_ms);
  if (values_.size() > most) values_.pop_front();
}

std::optional<LatencySeries::Verdict> LatencySeries::verdict(double deviations) const {
  if (values_.size() < least + newest) return std::nullopt;
  const auto border = values_.end() - static_cast<std::ptrdiff_t>(newest);
  const std::vector<double> before(values_.begin(), border);
  Verdict verdict;
  verdict.now_ms = median({border, values_.end()});
  verdict.usual_ms = median(before);
  auto distances = before;
  for (auto& value : distances) value = std::abs(value - verdict.usual_ms);
  const auto deviation = std::max({mad_scale * median(std::move(distances)), least_deviation_ms, least_deviation_share * verdict.usual_ms});
  verdict.deviates = std::abs(verdict.now_ms - verdict.usual_ms) > deviations * deviation;
  return verdict;
}

void RecentCount::add(bool is_so, std::size_t of) {
  values_.push_back(is_so);
  if (is_so) ++count_;
  while (values_.size() > of) {
    if (values_.front()) --count_;
    values_.pop_front();
  }
}

}  // namespace vpn_sentinel
