/// The outbox's file: one SQLite table of reports, each in an envelope with a checksum (outbox_seal.hpp). Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "probe/delivery/outbox_row.hpp"

struct sqlite3;

namespace vpn_sentinel {

/// What one transaction does. An id is in one of the two at most.
struct OutboxBatch {
  std::map<std::uint64_t, OutboxRow> puts;
  std::set<std::uint64_t> removals;
  [[nodiscard]] bool empty() const noexcept { return puts.empty() && removals.empty(); }
};

class OutboxFile {
 public:
  static constexpr std::size_t page_size = 4096;

  /// Makes the file (mode 0600) and the table when needed, and checks what is there.
  /// invalid: damaged or no outbox, move_aside() helps; unavailable: another process has it; failed: disk full, read-only, ….
  [[nodiscard]] static Result<OutboxFile> open(const std::string& path);
  /// invalid: also when the checksum of one row is wrong, because then nothing says that the others are all there.
  [[nodiscard]] Result<std::map<std::uint64_t, OutboxRow>> load();
  /// All or nothing, on disk when it returns.
  [[nodiscard]] Result<void> apply(const OutboxBatch& batch);

  /// Renames the file and its log to "FILE.corrupt-N"; the new name. Of many, the ninth is replaced: a dying disk must not be filled too.
  [[nodiscard]] static Result<std::string> move_aside(const std::string& path);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  using Database = std::unique_ptr<sqlite3, Close>;

  OutboxFile(Database database, std::string path) : database_(std::move(database)), path_(std::move(path)) {}

  Database database_;
  std::string path_;
};

}  // namespace vpn_sentinel
