/// Keeps the minutes, hours and days of the SQLite store in step with its reports. Reports are added up in memory, in the order of their
/// numbers, and written together now and then: a client's many reports cost one row. Two marks in the same file say how far they are
/// written, so that after a crash the reports behind them are read and added up once more: nothing counts twice and nothing is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/store/report_numbers.hpp"
#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

class SqliteRollUp {
 public:
  /// Minutes that are kept in memory before they are written, roughly: some 40 MB. What comes beyond is read from the reports later.
  static constexpr std::size_t most_minutes = 200'000;

  [[nodiscard]] static Result<SqliteRollUp> prepare(Database& database);

  /// The report was stored just now, inside the caller's transaction.
  [[nodiscard]] Result<void> added(std::int64_t id, std::int64_t client, const Admitted& admitted, ReportNumbers& numbers);

  struct Progress {
    std::size_t work = 0;  ///< reports that were read and minutes that were written
    bool more = false;     ///< not all is written that was there when this round began
  };
  enum class Pace {
    together,  ///< what has to be read is read before anything is written: fewest rows
    at_once,   ///< what was read is written: somebody waits for the mark
  };
  /// Goes on with the round, or begins one: reads at most `most` reports, writes at most `most` minutes (all of one client's, however many)
  /// with their hours and days, inside the caller's transaction.
  [[nodiscard]] Result<Progress> advance(std::size_t most, Pace pace, ReportNumbers& numbers);
  /// Reports up to this number are rolled up: as of the last advance().
  [[nodiscard]] std::int64_t mark() const noexcept { return mark_; }
  /// A transaction was taken back: what was added up since the marks is added up again.
  void forget();

 private:
  // Marks. Everything up to the first is written; of what lies between it and the second, the clients up to the third.
  static constexpr std::string_view done_name = "rolled_up";
  static constexpr std::string_view until_name = "rolling_up";
  static constexpr std::string_view client_name = "rolling_up_client";

  struct Row;
  /// The newest report of a client's boot that was added: what nearly every report comes after.
  struct Newest {
    std::string boot_id;
    std::int64_t seq = 0;
    Spoken spoken;
  };

  Result<void> load_marks();
  Result<std::size_t> read_on(std::size_t most, ReportNumbers& numbers);
  Result<void> add(const Row& row, ReportNumbers& numbers);
  Result<void> add_late(const Row& row, ClientMinutes& minutes, ReportNumbers& numbers);
  Result<Newest*> newest_before(const Row& row, ReportNumbers& numbers);
  Result<std::optional<Spoken>> spoken_at(const std::optional<ReportNumbers::Place>& place);
  [[nodiscard]] bool is_writing() const noexcept { return written_ < writing_.size(); }
  void begin_writing();
  Result<std::size_t> write_on(std::size_t most);
  Result<void> write_marks();
  /// A row of samples.
  struct Place {
    std::int64_t resolution, start, client;
  };
  Result<void> save(const Samples& samples, Resolution resolution);
  /// False: it takes a look at what is there.
  Result<bool> add_simply(const Place& place, const Sample& added);
  Result<void> merge_into(const Place& place, const Sample& added);
  static Result<std::int64_t> write(Statement& statement, const Place& place, const Sample& sample);

  Statement read_mark_, write_mark_, reports_, spoken_at_, newest_without_boot_, load_, add_, save_, remove_;
  bool loaded_ = false;
  std::int64_t mark_ = 0;     ///< reports up to here are written
  std::int64_t through_ = 0;  ///< and up to here added up
  bool caught_up_ = false;    ///< with all that is stored: reports need not be read any more
  std::unordered_map<std::int64_t, Newest> newest_of_;
  std::unordered_map<std::int64_t, ClientMinutes> minutes_of_;  ///< not written yet, by client
  std::size_t minutes_ = 0;                                     ///< of all clients

  // What is being written: everything up to the report writing_until_, client by client.
  std::int64_t writing_until_ = 0;   ///< 0: nothing is
  std::int64_t written_client_ = 0;  ///< up to this one everything is written
  std::vector<std::pair<std::int64_t, ClientMinutes>> writing_;
  std::size_t written_ = 0;
};

/// The columns of a row of samples from `first` on, in the order of sample_columns.
[[nodiscard]] Sample read_sample(const Statement& row, int first);
inline constexpr std::string_view sample_columns =
    "reports, worst, secure, warning, contained, danger, latencies, latency_sum, latency_min, latency_max, exits, more_exits, "
    "counted, packets_outside, bytes_outside, handshakes, handshake_sum, handshake_max, traffic_time, rx_bytes, tx_bytes";
/// How many these are, and which of them, from 0, is a text.
inline constexpr int sample_width = 21;
/// Exports of older hubs have so many: what came later they had not recorded.
inline constexpr int oldest_sample_width = 15;
inline constexpr int exits_column = 10;

}  // namespace vpn_sentinel
