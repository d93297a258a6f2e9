/// Reads an export (history_export.hpp) into a database, each thing once, however often exports are read. Of one
/// hub the older export comes first: the sums of a later one give way to reports that are there, but reports add to sums.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hub/store/store.hpp"

namespace vpn_sentinel {

/// One thread. No hub may run: the database is held while this lives.
class HistoryImport {
 public:
  /// Opens or makes the database, as a hub does. Errors: as open_sqlite_store().
  [[nodiscard]] static Result<std::unique_ptr<HistoryImport>> open(const std::string& file);
  virtual ~HistoryImport() = default;

  struct Count {
    std::uint64_t added = 0;
    std::uint64_t known = 0;  ///< were there before
  };
  /// Errors: invalid: the line is none of an export, says what was expected; anything else: the database cannot be written. After an error
  /// of the second kind nothing more can be taken.
  [[nodiscard]] virtual Result<void> take(std::string_view line) = 0;
  /// What was taken is durable. To be called at the end, too.
  [[nodiscard]] virtual Result<void> finish() = 0;
  [[nodiscard]] virtual Count count() const = 0;
};

/// A longer line is none of an export.
inline constexpr std::size_t longest_line = std::size_t{1024} * 1024;

}  // namespace vpn_sentinel
