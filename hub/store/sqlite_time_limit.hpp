/// Ends a question to SQLite that takes too long.
#pragma once

#include "hub/store/reader.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// While it lives, statements of `handle` fail with timed_out after StoreReader::time_limit.
class TimeLimit {
 public:
  explicit TimeLimit(sqlite3* handle) : handle_(handle), until_(mono_now() + StoreReader::time_limit) {
    sqlite3_progress_handler(handle_, steps_between_looks, is_over, this);
  }
  ~TimeLimit() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  [[nodiscard]] bool over() const { return mono_now() > until_; }
  [[nodiscard]] static Error exceeded() {
    return {Error::Kind::timed_out, "the question takes too long; ask about a shorter time or one client"};
  }

 private:
  /// In steps of its machine: some hundred microseconds.
  static constexpr int steps_between_looks = 20'000;
  static int is_over(void* limit) { return static_cast<const TimeLimit*>(limit)->over() ? 1 : 0; }

  sqlite3* handle_;
  MonoTime until_;
};

}  // namespace vpn_sentinel
