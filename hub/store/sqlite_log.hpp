/// The SQLite log (WAL) of the writer: copied by a thread, begun anew by the writer, and never while somebody reads in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "hub/store/checkpointer.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// For the writer's thread. `database` must outlive it and is told where it is, so it stays where it is.
class SqliteLog {
 public:
  SqliteLog(Database& database, std::string file, std::unique_ptr<Checkpointer> checkpointer);
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  /// Before a transaction.
  void begin_anew_when_copied();
  /// Outside of transactions: copies a short log at once.
  [[nodiscard]] Result<void> checkpoint();
  /// 0: no limit.
  void limit_file(std::uint64_t most_bytes) { most_bytes_ = most_bytes; }
  void look_at_size();
  /// The log is long, or the file larger than its limit.
  [[nodiscard]] bool needs_maintenance() const;

 private:
  static int note_pages(void* log, sqlite3* handle, const char* name, int pages);
  void begin_anew();

  Database& database_;
  const std::string file_;
  std::unique_ptr<Checkpointer> checkpointer_;
  int pages_ = 0;
  std::uint64_t most_bytes_ = 0;
  bool too_large_ = false;
};

}  // namespace vpn_sentinel
