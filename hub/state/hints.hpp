/// What is unusual about a client, by its own past: simple rules, told with the numbers that they stand on. Hints judge nothing and alarm
/// nobody. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hub/state/time_zone.hpp"

namespace vpn_sentinel {

/// One hour in which latency was measured.
struct HourLatency {
  WallTime start{};
  double mean_ms = 0;
};

/// What the rules look at: what came in [now - hint_past, now], oldest first.
struct HintFacts {
  std::vector<HourLatency> latencies;
  std::vector<WallTime> state_changes;
  std::vector<WallTime> exit_changes;
};
inline constexpr std::chrono::days hint_past{30};

struct Hint {
  std::string kind;  ///< latency, flapping or exit_hour
  std::string text;  ///< a sentence with the reason
  nlohmann::json evidence;
};

/// The middle one, or the mean of both; 0 of nothing.
[[nodiscard]] double median(std::vector<double> values);

/// Latency of the last hour measured, if it is not older than three hours, against the median of at least 48 hours before: unusual when it
/// is further away than six times the spread (median absolute deviation, as of a normal distribution), than half of the median and than
/// 10 ms. Flapping: at least ten changes of state in 24 h, and five times as many as the median of the days before. Exit changes of
/// the last 24 h at an hour of the day (of `zone`) of which, with an hour on both sides, none of at least ten changes before were.
[[nodiscard]] std::vector<Hint> hints_of(const HintFacts& facts, const TimeZone& zone, WallTime now);

/// {"kind","text","evidence"}
[[nodiscard]] nlohmann::json to_json(const Hint& hint);

}  // namespace vpn_sentinel
