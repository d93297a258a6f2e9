/// How much left outside the tunnel during an incident, by the counters of its reports. Pure.
///
/// Counters of one meter of one start of a probe never fall. So an incident keeps the lowest and the highest that it saw of each meter:
/// what comes twice, late or in whatever order changes nothing about the difference, and a meter that begins anew is another one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "probe/report/report.hpp"

namespace vpn_sentinel {

/// What left: an amount, and where it went.
struct LeakTotal {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::vector<LeakDestinationReport> destinations;  ///< most bytes first, at most 20
  bool at_least = false;                            ///< not all of the time was counted: more may have left
  /// No packet was seen, and somebody looked all the time.
  [[nodiscard]] bool is_nothing() const noexcept { return packets == 0 && !at_least; }
  /// No packet was seen, and nobody looked all the time: that is no amount.
  [[nodiscard]] bool is_unknown() const noexcept { return packets == 0 && at_least; }
  friend bool operator==(const LeakTotal&, const LeakTotal&) = default;
};

/// {"packets","bytes","destinations":[as in a report],"at_least"?:true}; null when it is not known.
[[nodiscard]] nlohmann::json to_json(const LeakTotal& total);

/// One report that counts, and the one before it. Nothing is owned.
struct LeakStep {
  std::string client_id;
  std::string boot_id;
  std::uint64_t seq = 0;
  const LeakReport* now = nullptr;     ///< counting; null: nobody counted when the report was made
  std::uint64_t seq_before = 0;        ///< of `before`
  const LeakReport* before = nullptr;  ///< of the same meter; null: not known, what it has counted so far may be older
  bool missed = false;                 ///< the meter is a new one: between the report before and its beginning nobody counted
};

/// Counters of one moment.
struct LeakMark {
  std::uint64_t seq = 0;  ///< of the report
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const LeakMark&, const LeakMark&) = default;
};

/// A destination's numbers at the beginning, and at the end.
struct DestinationSpan {
  LeakDestinationReport first;
  LeakDestinationReport last;
  friend bool operator==(const DestinationSpan&, const DestinationSpan&) = default;
};

/// What one meter counted during the incident.
struct MeterSpan {
  std::string boot_id;
  WallTime since{};  ///< of the meter
  LeakMark first;
  LeakMark last;
  std::vector<DestinationSpan> destinations;  ///< at most 20
  friend bool operator==(const MeterSpan&, const MeterSpan&) = default;
};

/// What one probe counted.
struct LeakLedger {
  static constexpr std::size_t most_meters = 8;

  std::string client_id;
  std::vector<MeterSpan> meters;          ///< at most most_meters; older ones are settled
  LeakTotal settled;                      ///< of meters that have left the list
  std::optional<WallTime> settled_until;  ///< whatever began not later than this is settled: nothing is added to it any more
  friend bool operator==(const LeakLedger&, const LeakLedger&) = default;
};

struct Exposure {
  /// Members of a group whose packets are kept.
  static constexpr std::size_t most_ledgers = 16;

  std::vector<LeakLedger> ledgers;  ///< one for a client; of a group one for each member
  bool gaps = false;                ///< some of the time nobody counted, or what was counted is not known
  friend bool operator==(const Exposure&, const Exposure&) = default;
};

/// Adds what left between the two reports of the step, unless it is known; what is not known of it makes a gap. True: something was learnt.
bool add(Exposure& exposure, const LeakStep& step);
/// What `other` counted of the same stretch of time, or of another one that is joined with it.
void join(Exposure& exposure, const Exposure& other);
/// The report with these counters was made before the incident, or after it: what left until then, or from then on, is not the incident's.
void cut_before(Exposure& exposure, const Exposure& counters);
void cut_after(Exposure& exposure, const Exposure& counters);
/// Nullopt: nobody counted. Members of a group may sit at the same wire, so that of them the one counts who saw most.
[[nodiscard]] std::optional<LeakTotal> total_of(const Exposure& exposure);

}  // namespace vpn_sentinel
