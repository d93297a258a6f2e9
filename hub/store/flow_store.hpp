/// What the hub keeps of connections, apart from reports: in a file of its own, so that no flow ever holds up a report. It is worth less,
/// so it is flushed less: what was taken is in memory first and written together; a crash loses the last seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/store/reader.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

/// How long flows are kept, by their own time.
struct FlowRetention {
  /// What is younger is not removed for the size of the file: no question about the last day finds nothing for that reason alone.
  static constexpr std::chrono::hours least{24};
  /// Of minutes: longer times are answered by hours.
  static constexpr std::chrono::hours least_minutes{6};

  WallTime now{};
  std::chrono::hours minutes{24};
  std::chrono::hours hours{24 * 31};
  std::chrono::hours days{24 * 365};
  std::chrono::hours boots{24 * 8};  ///< that sent nothing for so long: their batches would count again
  std::uint64_t most_bytes = 0;      ///< of the file; 0: no limit
};

/// Which flows a question is about.
struct FlowFilter {
  std::optional<std::vector<std::string>> clients{};  ///< absent: all
  bool outside_only = false;
};

struct FlowQuery {
  FlowFilter filter{};
  TimeRange range{};
  Resolution resolution = Resolution::hour;
};

struct FlowPageQuery {
  FlowQuery about{};
  std::int64_t cursor = 0;  ///< Page::next of the page before; 0: from the newest
  std::size_t most = usual_page;
};

/// Numbers of flows as they are added up.
struct Traffic {
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t opened = 0;
  std::uint64_t uncounted = 0;  ///< rows of batches whose bytes nobody counted
  friend bool operator==(const Traffic&, const Traffic&) = default;
};
[[nodiscard]] nlohmann::json traffic_json(const Traffic& traffic);

/// Outside apart from the tunnel, both apart from all else.
struct TrafficByWay {
  Traffic tunnel{}, outside{}, other{};
  friend bool operator==(const TrafficByWay&, const TrafficByWay&) = default;
};
[[nodiscard]] nlohmann::json traffic_json(const TrafficByWay& traffic);

/// Of one client to one country.
struct FlowArc {
  std::string client_id{};
  bool outside = false;
  std::string country{};  ///< empty: not known, or not told
  Traffic traffic{};
};

/// For one thread at a time; a question that takes longer than StoreReader::time_limit ends as Error timed_out.
class FlowReader {
 public:
  virtual ~FlowReader() = default;
  /// {"totals","gaps","top_countries","top_processes","bytes_over_time"} as in openapi.json.
  [[nodiscard]] virtual Result<nlohmann::json> stats(const FlowQuery& query) = 0;
  /// What went outside, then what went by the tunnel, each with most bytes first.
  [[nodiscard]] virtual Result<std::vector<FlowArc>> arcs(const FlowQuery& query) = 0;
  /// Kinds of flows with what they came to, newest kind first ("Flow" of openapi.json).
  [[nodiscard]] virtual Result<Page> history(const FlowPageQuery& query) = 0;
  /// What is older was removed, or may have been. Nullopt: nothing was.
  [[nodiscard]] virtual Result<std::optional<WallTime>> kept_since(Resolution resolution) = 0;
};

/// For one thread.
class FlowStore {
 public:
  /// So many rows may wait in memory to be written.
  static constexpr std::size_t most_waiting = 200'000;
  /// Rows that one maintain() removes from a table, at most.
  static constexpr std::size_t most_removed = 5'000;

  virtual ~FlowStore() = default;
  /// Adds the batch to what waits. False: (client, boot_id, seq) was added before, or a later one of that boot: nothing was changed.
  /// Numbers of that boot that were left out are counted as missing batches. overrun: too much waits.
  [[nodiscard]] virtual Result<bool> add(const FlowBatch& batch, WallTime received) = 0;
  /// Rows that wait.
  [[nodiscard]] virtual std::size_t waiting() const = 0;
  /// Everything that waits goes into the file in one transaction; when it fails it waits on.
  [[nodiscard]] virtual Result<void> write() = 0;
  /// Removes some of what is too old, and of the oldest when the file is too large (minutes, hours and days in proportion to how long they
  /// should be kept, with a floor each). True: there is more. While the floors alone are too large, what is added from then on is folded
  /// by way and protocol, and counted as such.
  [[nodiscard]] virtual Result<bool> maintain(const FlowRetention& retention) = 0;
  /// Must not outlive the store.
  [[nodiscard]] virtual Result<std::unique_ptr<FlowReader>> open_reader() = 0;
};

/// As open_sqlite_store(), with tables and versions of its own.
[[nodiscard]] Result<std::unique_ptr<FlowStore>> open_sqlite_flow_store(const std::string& file);

}  // namespace vpn_sentinel
