/// History as text that outlives this program: one line for each thing that the database knows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// The first line of an export names it: {"vpn_sentinel_export":1,"made",…}.
inline constexpr int export_version = 1;

struct ExportWish {
  enum class Format {
    jsonl,  ///< everything, for HistoryImport; a line is an object with "type": client, report, change, incident, sample or presence
    csv,    ///< reports alone, for spreadsheets
  };
  Format format = Format::jsonl;
  TimeRange range{};   ///< by the time at which each was true; incidents and the hub's presence: that touch it
  std::string client;  ///< empty: all
};

/// Takes one line, without its end. An Error ends the export.
using TakeLine = std::function<Result<void>(std::string_view line)>;

/// Reads the database as it is at this moment, beside a hub that may run: a hub's log grows while it lasts. Roll-ups are
/// told of the times for which no kept report speaks: who imports the reports makes the others of them. Memory is bounded but for the gaps
/// between reports. Errors: the database cannot be read,
/// the client is not known, or what `take` says. Returns how many lines there were.
[[nodiscard]] Result<std::uint64_t> export_history(const std::string& file, const ExportWish& wish, const TakeLine& take);

}  // namespace vpn_sentinel
