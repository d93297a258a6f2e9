/// Keeps the minutes, hours and days of the SQLite store in step with its reports: report after report in the order of their numbers, up
/// to a mark that moves in the same transaction, as far as they are entered into numbers. After a crash it goes on at the mark, so nothing
/// counts twice and nothing is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

class SqliteRollUp {
 public:
  [[nodiscard]] static Result<SqliteRollUp> prepare(Database& database);

  /// Rolls up at most `most` reports, inside the caller's transaction. Returns how many; fewer than `most`: nothing is left.
  [[nodiscard]] Result<std::size_t> advance(std::size_t most);
  /// Reports up to this number are rolled up: as of the last advance().
  [[nodiscard]] std::int64_t mark() const noexcept { return mark_; }
  /// The transaction was taken back.
  void forget() { newest_of_.clear(); }

 private:
  struct Row;
  /// The newest report of a client's boot that was rolled up: what nearly every report comes after.
  struct Newest {
    std::string boot_id;
    std::int64_t seq = 0;
    Spoken spoken;
  };

  Result<void> add(const Row& row, RollUp& roll_up);
  Result<void> add_late(const Row& row, const Spoken& spoken, RollUp& roll_up);
  Result<std::optional<Newest>> newest_before(const Row& row);
  /// A row of samples.
  struct Place {
    std::int64_t resolution, start, client;
  };
  Result<void> save(const RollUp::Samples& samples, Resolution resolution);
  /// False: it takes a look at what is there.
  Result<bool> add_simply(const Place& place, const Sample& added);
  Result<void> merge_into(const Place& place, const Sample& added);
  static Result<std::int64_t> write(Statement& statement, const Place& place, const Sample& sample);

  Statement read_mark_, write_mark_, reports_, newest_, newest_without_boot_, before_, after_, load_, add_, save_, remove_;
  std::unordered_map<std::int64_t, Newest> newest_of_;
  std::int64_t mark_ = 0;
};

/// The columns of a row of samples from `first` on, in the order of sample_columns.
[[nodiscard]] Sample read_sample(const Statement& row, int first);
inline constexpr std::string_view sample_columns =
    "reports, worst, secure, warning, contained, danger, latencies, latency_sum, latency_min, latency_max, exits, more_exits, "
    "counted, packets_outside, bytes_outside";

}  // namespace vpn_sentinel
