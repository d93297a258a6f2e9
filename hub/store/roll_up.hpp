/// Reports in numbers: what a client's minutes, hours and days were like. Pure. Everything but the exits adds up, so that a late report
/// simply comes on top, whenever it arrives and in whatever order.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/store/reader.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

inline constexpr std::array resolutions{Resolution::minute, Resolution::hour, Resolution::day};
/// As the tables keep it.
[[nodiscard]] constexpr std::int64_t number_of(Resolution resolution) noexcept { return static_cast<std::int64_t>(resolution); }
[[nodiscard]] std::chrono::microseconds length_of(Resolution resolution) noexcept;
/// The stretch of `resolution` (UTC) that holds `time`.
[[nodiscard]] WallTime start_of(WallTime time, Resolution resolution) noexcept;

/// One stretch of one client.
struct Sample {
  static constexpr std::size_t most_exits = 8;
  /// Numbers come from outside; their sum goes no further.
  static constexpr std::int64_t most_bytes = 9'000'000'000'000'000'000;

  std::int64_t reports = 0;                         ///< that were true in it
  std::optional<State> worst;                       ///< of them
  std::array<std::chrono::microseconds, 4> time{};  ///< in each judged state, by State; what is missing to the length is unknown
  std::int64_t latencies = 0;                       ///< reports with a latency; its sum, least and most in microseconds
  std::int64_t latency_sum = 0;
  std::int64_t latency_min = 0;
  std::int64_t latency_max = 0;
  std::vector<std::string> exits;  ///< addresses, sorted, at most most_exits
  bool more_exits = false;
  std::int64_t counted = 0;          ///< reports of which it is known what left since the one before
  std::int64_t packets_outside = 0;  ///< that left between them, at the time of the later one; never wraps around
  std::int64_t bytes_outside = 0;
  std::int64_t handshakes = 0;  ///< reports with the age of a handshake; its sum and most in seconds
  std::int64_t handshake_sum = 0;
  std::int64_t handshake_max = 0;
  std::chrono::microseconds traffic_time{};  ///< between reports of one tunnel, at the time of the later one; never negative in a table
  std::int64_t rx_bytes = 0;                 ///< that it carried in this time
  std::int64_t tx_bytes = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

void merge(Sample& sample, const Sample& other);
/// Nothing is known of it.
[[nodiscard]] bool is_nothing(const Sample& sample);
[[nodiscard]] nlohmann::json sample_json(const Sample& sample, WallTime start, Resolution resolution);

/// What a meter had counted when the report was made.
struct Counted {
  WallTime since{};  ///< of the meter: tells one from the next, and in the order of time; 1970: not told
  std::int64_t packets = 0;
  std::int64_t bytes = 0;
};

/// What a tunnel had carried when the report was made.
struct Carried {
  /// Reports that are further apart say nothing of the time between them: what came after a silence would be spread over it.
  static constexpr std::chrono::hours longest{1};

  std::string tunnel;
  WallTime since{};  ///< of the tunnel: one that was made anew counts anew; 1970: not told
  std::int64_t rx_bytes = 0;
  std::int64_t tx_bytes = 0;
};

/// What a report says until the next one of its boot, at most for its lease.
struct Spoken {
  /// A longer lease speaks for no more than this.
  static constexpr std::chrono::hours at_most{1};
  /// What a client without a lease (the Python original's) is given here: it reports every five minutes.
  static constexpr std::chrono::seconds usual_lease{600};

  State state = State::warning;
  WallTime from{};
  WallTime until{};  ///< end of the lease
  std::optional<Counted> counted = {};
  std::int64_t seq = 0;
  std::optional<Carried> carried = {};
};

/// What a report measured itself.
struct Measured {
  State state = State::warning;
  std::optional<std::int64_t> latency_us = {};       ///< not negative
  std::string_view exit = {};                        ///< address; empty: unknown
  std::optional<std::int64_t> handshake_age_s = {};  ///< not negative
};

/// Stretches of many clients, as the table has them: start in microseconds since 1970, number of the client.
using Samples = std::map<std::pair<std::int64_t, std::int64_t>, Sample>;

/// Collects what reports add to the minutes of one client.
class ClientMinutes {
 public:
  void add(WallTime time, const Measured& measured);
  /// A report between its neighbours, as far as those were added: the one before speaks shorter now. `before` may be null.
  void speak(const Spoken& report, const Spoken* before, std::optional<WallTime> next);
  /// What left and what the tunnel carried since the report before, the former by the rule of incidents (leak_step); the one after, which
  /// was compared with that one, is compared with this now. Both may be null.
  void leave(const Spoken& report, const Spoken* before, const Spoken* after);

  /// Those that change come to `samples`.
  void move_to(Samples& samples, std::int64_t client) &&;
  [[nodiscard]] std::size_t size() const noexcept { return minutes_.size(); }

 private:
  [[nodiscard]] Sample& minute(WallTime time);
  void add_time(State state, WallTime from, WallTime until, int sign);
  void add_growth(const Spoken* from, const Spoken& to, int sign);
  void add_traffic(const Spoken& from, const Spoken& to, int sign);

  std::vector<std::pair<std::int64_t, Sample>> minutes_;  ///< by start; nearly always the last one is meant
};

/// Minutes as hours, hours as days.
[[nodiscard]] Samples coarser(const Samples& samples, Resolution resolution);

}  // namespace vpn_sentinel
