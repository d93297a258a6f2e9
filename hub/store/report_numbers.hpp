/// Which reports are stored, by client, boot and number: what makes delivery exactly-once. The index of it lies in the database (tables
/// boots and numbers) but lags behind: a report dirties a page of it of its own, so that many are entered together, in the index's order.
/// Those that wait for it are known here. After a crash they are read again from the reports themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// For the thread that owns the database; the caller's transaction is around everything that writes.
class ReportNumbers {
 public:
  /// Reports that one advance() enters, at most: a few milliseconds.
  static constexpr std::size_t most_entered = 2'000;
  /// As soon as so many wait, commits take some along; they are entered in portions of so many.
  static constexpr std::size_t many_waiting = 20'000;

  struct Place {
    std::int64_t seq = 0;
    std::int64_t report = 0;  ///< its id
  };
  struct Places {
    std::optional<Place> before, after;
  };

  [[nodiscard]] static Result<ReportNumbers> prepare(Database& database);

  /// Of the next report to be added: above all that there ever were, so that marks never point behind it.
  [[nodiscard]] Result<std::int64_t> next_id();
  [[nodiscard]] Result<bool> is_stored(std::int64_t client, const std::string& boot_id, std::int64_t seq);
  /// The row is in the table. An empty boot_id: it has no number.
  [[nodiscard]] Result<void> added(std::int64_t id, std::int64_t client, const std::string& boot_id, std::int64_t seq);
  /// The highest number stored of that boot; 0: none.
  [[nodiscard]] Result<std::int64_t> highest(std::int64_t client, const std::string& boot_id);
  /// The next lower and higher numbers stored of that boot, among reports with an id below `end`.
  [[nodiscard]] Result<Places> around(std::int64_t client, const std::string& boot_id, std::int64_t seq,
                                      std::int64_t end = std::numeric_limits<std::int64_t>::max());
  /// All reports up to this id are entered.
  [[nodiscard]] Result<std::int64_t> entered_until();

  /// A round: advance() is wanted until everything is entered that waits now.
  [[nodiscard]] Result<void> begin_round();
  [[nodiscard]] bool is_wanted() const noexcept { return first_turn_ < round_until_; }
  /// Enters some into the index.
  [[nodiscard]] Result<void> advance(std::size_t most);
  /// After reports were added to the transaction: enters some more than these when many wait.
  [[nodiscard]] Result<void> keep_up();
  /// Clients with reports that wait.
  [[nodiscard]] Result<std::unordered_set<std::int64_t>> waiting_clients();
  /// Boots without reports were removed.
  void boots_removed();
  /// The transaction was taken back: what waits is read again.
  void forget();

 private:
  struct Boot {
    std::int64_t client = 0;
    std::string boot_id;
    std::optional<std::int64_t> number{};  ///< in the table; 0: not there; nullopt: has to be looked up
    std::int64_t highest = std::numeric_limits<std::int64_t>::min();
    std::uint64_t newest = 0;  ///< the last of it that waits: its turn; 0 or a turn that is over: none
    std::size_t waiting = 0;   ///< how many of it wait
    /// Of a boot of which many wait: their ids by number. Else empty: a few are sooner looked through.
    std::map<std::int64_t, std::int64_t> by_seq{};
  };
  /// Turns count from 1, for ever; waiting_ begins with turn first_turn_.
  struct Waiting {
    std::int64_t id = 0;
    std::int64_t seq = 0;
    Boot* boot = nullptr;  ///< null: without a boot
    std::int64_t client = 0;
    std::uint64_t turn_before = 0;  ///< of the same boot; 0: none
  };

  Result<void> load();
  Result<Boot*> find(std::int64_t client, const std::string& boot_id);
  Result<std::int64_t> number_of(Boot& boot);
  Result<void> enter(const Waiting& report);
  void line_up();
  [[nodiscard]] bool under_way() const noexcept { return portion_length_ > 0; }
  Result<void> finish_portion();
  static void stop_waiting(const Waiting& report);
  void note(std::int64_t id, std::int64_t client, Boot* boot, std::int64_t seq);
  template <typename OnWaiting>
  void each_waiting(const Boot& boot, OnWaiting on_waiting) const;

  Statement load_, last_id_, read_mark_, write_mark_, find_boot_, add_boot_, highest_, is_entered_, before_, after_, enter_, is_gone_;
  bool loaded_ = false;
  std::int64_t next_id_ = 0;
  std::unordered_map<std::string, Boot> boots_;
  std::string key_;
  std::deque<Waiting> waiting_;
  std::uint64_t first_turn_ = 1;
  std::uint64_t round_until_ = 0;       ///< this turn comes after the round
  std::vector<std::uint64_t> portion_;  ///< turns in the order of the index; they are the first of waiting_
  std::size_t portion_length_ = 0;      ///< with those without a boot
  std::size_t entered_ = 0;             ///< of the portion
  std::size_t added_ = 0;               ///< since keep_up()
};

}  // namespace vpn_sentinel
