#include "probe/checks/latency_baseline.hpp"

#include <algorithm>
#include <vector>

namespace vpn_sentinel {
namespace {

/// The tenth percentile: what the way takes at its best, without the one lucky packet.
std::chrono::microseconds usual_best(const std::deque<std::chrono::microseconds>& samples) {
  std::vector<std::chrono::microseconds> sorted(samples.begin(), samples.end());
  const auto tenth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 10);
  std::nth_element(sorted.begin(), tenth, sorted.end());
  return *tenth;
}

}  // namespace

void LatencyBaseline::keep(Samples& samples, std::chrono::microseconds sample, std::size_t most) {
  samples.push_back(sample);
  if (samples.size() > most) samples.pop_front();
}

void LatencyBaseline::tunnel_answered(std::chrono::microseconds round_trip) { keep(tunnel_, round_trip, tunnel_kept_); }

void LatencyBaseline::path_answered(std::chrono::microseconds round_trip) {
  if (newest_.size() == newest_needed) keep(history_, newest_.front(), history_kept);
  keep(newest_, round_trip, newest_needed);
}

void LatencyBaseline::network_changed() {
  tunnel_.clear();
  for (const auto sample : newest_) keep(history_, sample, history_kept);
  newest_.clear();
}

bool LatencyBaseline::is_drop(std::chrono::microseconds path, std::chrono::microseconds reference) const {
  return reference - path >= least_ && path * 100 <= reference * (100 - percent_);
}

std::optional<LatencyDrop> LatencyBaseline::drop() const {
  if (newest_.size() < newest_needed) return std::nullopt;
  const auto path = *std::ranges::max_element(newest_);
  if (tunnel_.size() >= tunnel_needed) {
    // What the tunnel takes at the same time is the better witness: a nearer server makes both faster.
    const auto reference = *std::ranges::min_element(tunnel_);
    return is_drop(path, reference) ? std::optional(LatencyDrop{path, reference, true}) : std::nullopt;
  }
  if (history_.size() < history_needed) return std::nullopt;
  const auto reference = usual_best(history_);
  return is_drop(path, reference) ? std::optional(LatencyDrop{path, reference, false}) : std::nullopt;
}

}  // namespace vpn_sentinel
