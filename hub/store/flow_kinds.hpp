/// Flows in memory until they are written: kinds of flows (all texts of a row, of one client) and what came to each in which minute. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

/// What one kind came to in one stretch of time.
struct FlowNumbers {
  std::int64_t rows = 0;
  std::int64_t counted = 0;  ///< rows with bytes
  std::int64_t bytes_out = 0;
  std::int64_t bytes_in = 0;
  std::int64_t packets_counted = 0;  ///< rows with packets
  std::int64_t packets_out = 0;
  std::int64_t packets_in = 0;
  std::int64_t opened = 0;
  std::int64_t closed = 0;
  std::int64_t folded = 0;  ///< the largest
  WallTime first{};
  WallTime last{};
  friend bool operator==(const FlowNumbers&, const FlowNumbers&) = default;
};
[[nodiscard]] FlowNumbers numbers_of(const FlowRow& row);
/// Sums stop at a number that leaves room for the next ones.
void merge(FlowNumbers& numbers, const FlowNumbers& more);

/// All texts of a row as one, the same for rows of one kind only. `client`: its number.
void write_flow_key(const FlowRow& row, std::int64_t client, std::string& key);
/// FNV-1a, 64 bits: the same in every version.
[[nodiscard]] std::int64_t flow_key_hash(const std::string& key) noexcept;

struct FlowKind {
  std::int64_t id = 0;  ///< in the file; 0: not known yet
  std::int64_t client = 0;
  FlowRow texts{};                                          ///< its numbers mean nothing
  std::vector<std::pair<WallTime, FlowNumbers>> minutes{};  ///< that wait, nearly always one
};

class FlowKinds {
 public:
  /// So many kinds are remembered with nothing waiting, about 700 bytes each.
  static constexpr std::size_t most_idle = 50'000;
  /// Their keys come along.
  using Waiting = std::vector<std::pair<const std::string*, FlowKind*>>;

  void add(const FlowRow& row, std::int64_t client);
  /// Those with something waiting, in the order in which they came; valid until the next call of a function that is not const.
  [[nodiscard]] const Waiting& waiting() const noexcept { return waiting_; }
  /// All that waited was written.
  void written();
  /// The numbers of kinds in the file are not what they were: it was taken back.
  void forget_ids();
  /// Those of kinds that were removed from the file.
  void forget_ids(const std::unordered_set<std::int64_t>& ids);

 private:
  std::unordered_map<std::string, FlowKind> kinds_;
  Waiting waiting_;
  std::string key_;
};

}  // namespace vpn_sentinel
