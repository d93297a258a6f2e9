/// A month in one page for people who were not there: how reliable the clients were. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/notice.hpp"
#include "hub/store/reader.hpp"

namespace vpn_sentinel {

struct ReliabilityReport {
  std::string title;  ///< "October 2026"
  Stretch period;     ///< not longer than to now
  TimeZone zone = TimeZone::utc();
  WallTime made{};
  std::vector<SubjectReliability> subjects;  ///< periods: its days, for a strip; none: no strip
};

/// Clients whose days are shown; with more of them there is one line for each, without a strip.
inline constexpr std::size_t most_strips = 200;

/// "October 2026" of the month that begins then.
[[nodiscard]] std::string month_title(WallTime begin, const TimeZone& zone);

/// What to ask the store for: the days of the period, or all of it at once when there are too many clients for strips.
[[nodiscard]] std::vector<Stretch> report_periods(const Stretch& period, const TimeZone& zone, std::size_t clients);

/// One HTML file that needs nothing else: no script, no picture, no font; light and dark, and A4 on paper.
[[nodiscard]] std::string report_html(const ReliabilityReport& report);
/// What is between its <style> and </style>, for a policy that takes no other.
[[nodiscard]] std::string_view report_style() noexcept;
/// The same for a terminal.
[[nodiscard]] std::string report_text(const ReliabilityReport& report);
/// The sums as a message, for whoever opens no page, and who was worst off.
[[nodiscard]] Notice report_notice(const ReliabilityReport& report);
/// {"title","zone","from","to","made","total":{as of a client, incidents added up},"reliability":[{"client_id","total","periods"}]}
[[nodiscard]] nlohmann::json report_json(const ReliabilityReport& report);

/// {"client_id","total","periods"}
[[nodiscard]] nlohmann::json to_json(const SubjectReliability& subject);

}  // namespace vpn_sentinel
