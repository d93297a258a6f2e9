/// When the report about a month is sent, and where to: the [report] table of alerts.toml. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hub/state/time_zone.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A month that has ended and whose report is due.
struct ReportMonth {
  std::string name;  ///< "2026-10": sorts as the months follow each other
  Stretch month;
  TimeZone zone = TimeZone::utc();
};

struct ReportPlan {
  std::vector<std::string> channels = {};  ///< empty: all
  int day = 1;                             ///< of the next month, 1-28
  int hour = 8;                            ///< 0-23
  TimeZone zone = TimeZone::utc();         ///< whose months and hours

  /// The newest one that is due by then.
  [[nodiscard]] ReportMonth newest(WallTime now) const;
  friend bool operator==(const ReportPlan&, const ReportPlan&) = default;
};

/// An object as in the file. The Error names the field, its value and what was expected.
[[nodiscard]] Result<ReportPlan> parse_report_plan(const nlohmann::json& object);

}  // namespace vpn_sentinel
