/// Reports in numbers: what a client's minutes, hours and days were like. Pure. Everything but the exits adds up, so that a late report
/// simply comes on top, whenever it arrives and in whatever order.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/store/reader.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::chrono::microseconds length_of(Resolution resolution) noexcept;
/// The stretch of `resolution` (UTC) that holds `time`.
[[nodiscard]] WallTime start_of(WallTime time, Resolution resolution) noexcept;

/// One stretch of one client.
struct Sample {
  static constexpr std::size_t most_exits = 8;

  std::int64_t reports = 0;                         ///< that were true in it
  std::optional<State> worst;                       ///< of them
  std::array<std::chrono::microseconds, 4> time{};  ///< in each judged state, by State; what is missing to the length is unknown
  std::int64_t latencies = 0;                       ///< reports with a latency; its sum, least and most in microseconds
  std::int64_t latency_sum = 0;
  std::int64_t latency_min = 0;
  std::int64_t latency_max = 0;
  std::vector<std::string> exits;  ///< addresses, sorted, at most most_exits
  bool more_exits = false;
  std::int64_t counted = 0;          ///< reports that told what left outside the tunnel
  std::int64_t packets_outside = 0;  ///< that left between them, at the time of the later one; never wraps around
  std::int64_t bytes_outside = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

void merge(Sample& sample, const Sample& other);
/// Nothing is known of it.
[[nodiscard]] bool is_nothing(const Sample& sample);
[[nodiscard]] nlohmann::json sample_json(const Sample& sample, WallTime start, Resolution resolution);

/// What a meter had counted when the report was made.
struct Counted {
  std::string since;  ///< of the meter, as the report spells it: tells one from the next, and in the order of time
  std::int64_t packets = 0;
  std::int64_t bytes = 0;
};

/// What a report says until the next one of its boot, at most for its lease.
struct Spoken {
  /// A longer lease speaks for no more than this.
  static constexpr std::chrono::hours at_most{1};

  State state = State::warning;
  WallTime from{};
  WallTime until{};  ///< end of the lease
  std::optional<Counted> counted = {};
};

/// Collects what a number of reports adds to the samples of clients.
class RollUp {
 public:
  using Key = std::pair<std::int64_t, std::int64_t>;  ///< start in microseconds since 1970, number of the client
  using Samples = std::map<Key, Sample>;

  /// The report's own numbers: one Sample with `reports` = 1.
  void add(std::int64_t client, WallTime time, const Sample& numbers);
  /// A report between its neighbours, as far as those were added: the one before speaks shorter now.
  void speak(std::int64_t client, const Spoken& report, const std::optional<Spoken>& before, std::optional<WallTime> next);
  /// What left since the report before, where both are known; the one after, which was compared with that one, is compared with this now.
  void leave(std::int64_t client, const Spoken& report, const std::optional<Spoken>& before, const std::optional<Spoken>& after);

  /// Of minutes; those that did not change are left out.
  [[nodiscard]] Samples minutes() const;
  /// Minutes as hours, hours as days.
  [[nodiscard]] static Samples coarser(const Samples& samples, Resolution resolution);

 private:
  void add_time(std::int64_t client, State state, WallTime from, WallTime until, int sign);
  void add_growth(std::int64_t client, const std::optional<Spoken>& from, const Spoken& to, int sign);

  Samples minutes_;
};

}  // namespace vpn_sentinel
