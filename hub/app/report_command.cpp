#include "hub/app/report_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "hub/alert/reliability_report.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_no_input = 66;
/// Each portion has the reader's whole time limit.
constexpr std::size_t clients_at_once = 50;

template <typename T>
T require(Result<T> result, int exit_code) {
  if (!result) throw FatalError(exit_code, result.error().message);
  return std::move(*result);
}

Stretch month_of(const ReportWish& wish, const TimeZone& zone, WallTime now) {
  if (!wish.month.empty()) return require(zone.month(wish.month), exit_usage);
  const auto this_month = zone.split({now, now + std::chrono::seconds{1}}, CalendarUnit::month, 2)->front();
  return zone.split({this_month.from - std::chrono::seconds{1}, this_month.from}, CalendarUnit::month, 2)->front();
}

std::vector<SubjectReliability> read_subjects(StoreReader& reader, const ReliabilityReport& report) {
  // Who is known, in the order of the store; how many decides about the strips.
  const auto all = require(reader.reliability({{}, {}}), exit_no_input);
  ReliabilityQuery query;
  query.periods = report_periods(report.period, report.zone, all.size());
  std::vector<SubjectReliability> subjects;
  for (std::size_t first = 0; first < all.size(); first += clients_at_once) {
    query.client_ids.clear();
    for (std::size_t i = first; i < std::min(all.size(), first + clients_at_once); ++i) query.client_ids.push_back(all[i].client_id);
    std::ranges::move(require(reader.reliability(query), exit_no_input), std::back_inserter(subjects));
  }
  return subjects;
}

}  // namespace

int report_command(const std::string& data_dir, const ReportWish& wish) {
  ReliabilityReport report;
  report.zone = require(TimeZone::find(wish.zone), exit_usage);
  report.made = wall_now();
  const auto month = month_of(wish, report.zone, report.made);
  if (month.from >= report.made) throw FatalError(exit_usage, fmt::format("'{}': expected a month that has begun", wish.month));
  report.title = month_title(month.from, report.zone);
  report.period = {month.from, std::min(month.to, report.made)};
  const auto reader = require(open_reader_of_file(data_dir + "/hub.db"), exit_no_input);
  report.subjects = read_subjects(*reader, report);
  fmt::print("{}", wish.json ? report_json(report).dump(1) + "\n" : wish.html ? report_html(report) : report_text(report));
  return 0;
}

}  // namespace vpn_sentinel
