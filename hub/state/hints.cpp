#include "hub/state/hints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace vpn_sentinel {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr hours newest_hour{3};
constexpr std::size_t fewest_hours = 48;
/// Makes a median absolute deviation comparable to a standard deviation.
constexpr double normal_spread = 1.4826;
constexpr double unusual_spreads = 6;
constexpr double unusual_share = 0.5;
constexpr double least_distance_ms = 10;

constexpr std::size_t fewest_changes = 10;
constexpr double unusual_times = 5;
constexpr std::size_t fewest_days = 3;

constexpr std::size_t fewest_exit_changes = 10;

std::optional<Hint> latency_hint(const HintFacts& facts, WallTime now) {
  if (facts.latencies.size() <= fewest_hours) return std::nullopt;
  const auto& last = facts.latencies.back();
  if (last.start + hours{1} + newest_hour < now) return std::nullopt;
  std::vector<double> before;
  for (const auto& hour : facts.latencies) before.push_back(hour.mean_ms);
  before.pop_back();
  const auto count = before.size();
  const auto middle = median(before);
  for (auto& value : before) value = std::abs(value - middle);
  const auto spread = normal_spread * median(std::move(before));
  const auto distance = std::abs(last.mean_ms - middle);
  if (distance <= std::max({unusual_spreads * spread, unusual_share * middle, least_distance_ms})) return std::nullopt;
  return Hint{"latency",
              fmt::format("Latency was {:.0f} ms in the hour from {}; usually it is {:.0f} ms (median of {} hours, spread {:.1f} ms).",
                          last.mean_ms, to_rfc3339(last.start).substr(0, 16), middle, count, spread),
              {{"last_ms", last.mean_ms}, {"median_ms", middle}, {"spread_ms", spread}, {"hours", count}}};
}

std::optional<Hint> flapping_hint(const HintFacts& facts, WallTime now) {
  const auto since = [&facts](WallTime from, WallTime to) {
    return std::ranges::count_if(facts.state_changes, [&](WallTime at) { return at >= from && at < to; });
  };
  const auto last = since(now - days{1}, now + days{1});
  if (last < static_cast<std::ptrdiff_t>(fewest_changes)) return std::nullopt;
  std::vector<double> before;
  for (auto day = now - days{1}; day > facts.state_changes.front(); day -= days{1})
    before.push_back(static_cast<double>(since(day - days{1}, day)));
  if (before.size() < fewest_days) return std::nullopt;
  const auto count = before.size();
  const auto usual = median(std::move(before));
  if (static_cast<double>(last) < unusual_times * std::max(usual, 1.0)) return std::nullopt;
  return Hint{"flapping",
              fmt::format("Its state changed {} times in 24 hours; usually {:.0f} times in a day (median of {} days).", last, usual, count),
              {{"changes", last}, {"median", usual}, {"days", count}}};
}

std::optional<Hint> exit_hint(const HintFacts& facts, const TimeZone& zone, WallTime now) {
  std::array<bool, 24> usual{};
  std::size_t before = 0;
  std::optional<WallTime> odd;
  for (const auto at : facts.exit_changes) {
    const auto hour = static_cast<std::size_t>(zone.hour(at));
    if (at >= now - days{1}) {
      if (before >= fewest_exit_changes && !usual.at(hour)) odd = at;
      continue;
    }
    ++before;
    for (const auto near : {hour + 23, hour, hour + 1}) usual.at(near % usual.size()) = true;
  }
  if (!odd) return std::nullopt;
  return Hint{"exit_hour",
              fmt::format("The exit changed at {}; none of its {} changes in the weeks before was within an hour of that time of day.",
                          zone.text(*odd), before),
              {{"at", to_rfc3339(*odd)}, {"changes_before", before}}};
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<Hint> hints_of(const HintFacts& facts, const TimeZone& zone, WallTime now) {
  std::vector<Hint> hints;
  for (auto hint : {latency_hint(facts, now), flapping_hint(facts, now), exit_hint(facts, zone, now)}) {
    if (hint) hints.push_back(std::move(*hint));
  }
  return hints;
}

nlohmann::json to_json(const Hint& hint) { return {{"kind", hint.kind}, {"text", hint.text}, {"evidence", hint.evidence}}; }

}  // namespace vpn_sentinel
