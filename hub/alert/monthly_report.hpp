/// The report about a month: read from the store, and as a message with a page.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hub/alert/notice.hpp"
#include "hub/alert/reliability_report.hpp"
#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// All clients and groups in `month`, up to `now`; in portions, each within the reader's time limit. The reader's thread.
[[nodiscard]] Result<ReliabilityReport> read_month(StoreReader& reader, const Stretch& month, const TimeZone& zone, WallTime now);

/// A file that goes with a message; it lies beside the notice in the text of its row.
struct ReportPage {
  static constexpr std::size_t most_bytes = std::size_t{4} * 1024 * 1024;
  std::string name;  ///< of the file: "vpn-sentinel-2026-10.html"
  std::string html;
  friend bool operator==(const ReportPage&, const ReportPage&) = default;
};
/// What StoredAlert::text holds of a notice with a page; a page that is too large is left out, and that is said.
[[nodiscard]] std::string to_text(Notice notice, const ReportPage& page);
/// Nullopt: the message has none.
[[nodiscard]] std::optional<ReportPage> page_of(std::string_view text);

}  // namespace vpn_sentinel
