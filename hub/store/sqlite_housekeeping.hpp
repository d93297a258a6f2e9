/// Removal of what is old, and of the oldest when the file outgrows its limit: some rows at a time, inside the caller's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hub/store/sqlite.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

class SqliteHousekeeping {
 public:
  [[nodiscard]] static Result<SqliteHousekeeping> prepare(Database& database);

  /// One slice. `rolled_up`: reports up to this number are in the roll-ups; later ones are not touched. True: there is more to remove.
  [[nodiscard]] Result<bool> remove_old(const Retention& retention, std::int64_t rolled_up);
  /// The last slice met reports to be removed that no roll-up holds yet.
  [[nodiscard]] bool wants_roll_up() const noexcept { return wants_roll_up_; }
  /// Removes the oldest rows of the least valuable kind that has any, when more bytes are in use than allowed, and gives some free pages
  /// back to the file system. True: call again.
  [[nodiscard]] Result<bool> keep_small(Database& database, std::uint64_t most_bytes, std::int64_t rolled_up);
  /// Some of the boots of which no report is left, and none can come again. Returns how many.
  [[nodiscard]] Result<std::int64_t> remove_boots(const Retention& retention);
  /// keep_small() has removed boots since this was asked last.
  [[nodiscard]] bool take_lost_boots() noexcept { return std::exchange(lost_boots_, false); }

 private:
  /// A table whose rows are numbered in the order in which they came. The clock may have been wrong meanwhile, so the number decides what
  /// is old: a row whose time cannot be true (in the future, or before there was a hub) is old when one that came after it is. But no row
  /// is old that came after a young one: then the clock was in the past for a while, and what it stamped would take true history along.
  struct Line {
    Statement look, remove;
    std::vector<Statement> before_removal{};  ///< for what refers to the rows that `remove` takes
    std::int64_t looked_until = 0;            ///< rows whose time cannot be true up to here
    std::int64_t old_until = 0;
  };

  Result<bool> remove_old_lines(Line& line, WallTime before, WallTime now, std::int64_t most_id);
  Result<std::int64_t> remove_samples(Resolution resolution, std::int64_t before);
  Result<std::int64_t> remove_oldest(std::int64_t rolled_up);
  static Result<std::int64_t> remove_lines(Line& line, std::int64_t until);
  Result<bool> find_old(Line& line, WallTime before, WallTime now);
  /// The last report came later than `now`: the clock is in the past.
  Result<bool> is_before_newest(WallTime now);

  Line reports_, changes_, alerts_, incidents_;
  Statement samples_;
  Statement any_report_, newest_report_;
  Statement look_at_boots_, remove_boots_, remove_any_boots_;
  std::int64_t looked_at_boots_ = 0;  ///< up to this one
  bool wants_roll_up_ = false;
  bool lost_boots_ = false;
  bool auto_vacuum_ = false;
};

/// Bytes of the database file, and how many of them hold something.
struct FileUse {
  std::uint64_t bytes = 0;
  std::uint64_t used = 0;
};
[[nodiscard]] Result<FileUse> file_use(Database& database);

}  // namespace vpn_sentinel
