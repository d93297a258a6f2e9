#include "hub/app/report_command.hpp"

#include <fmt/format.h>

#include <utility>

#include "hub/alert/monthly_report.hpp"
#include "hub/app/wish.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

Stretch month_of(const ReportWish& wish, const TimeZone& zone, WallTime now) {
  if (!wish.month.empty()) return require(zone.month(wish.month), exit_usage);
  const auto this_month = zone.split({now, now + std::chrono::seconds{1}}, CalendarUnit::month, 2)->front();
  return zone.split({this_month.from - std::chrono::seconds{1}, this_month.from}, CalendarUnit::month, 2)->front();
}

}  // namespace

int report_command(const std::string& data_dir, const ReportWish& wish) {
  const auto zone = require(TimeZone::find(wish.zone), exit_usage);
  const auto now = wall_now();
  const auto month = month_of(wish, zone, now);
  if (month.from >= now) throw FatalError(exit_usage, fmt::format("'{}': expected a month that has begun", wish.month));
  const auto reader = require(open_reader_of_file(data_dir + "/hub.db"), exit_no_input);
  const auto report = require(read_month(*reader, month, zone, now), exit_no_input);
  fmt::print("{}", wish.json ? report_json(report).dump(1) + "\n" : wish.html ? report_html(report) : report_text(report));
  return 0;
}

}  // namespace vpn_sentinel
