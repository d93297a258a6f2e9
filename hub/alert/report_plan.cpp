#include "hub/alert/report_plan.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "hub/alert/rule.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t longest_zone = 64;

Stretch month_of(const TimeZone& zone, WallTime time) {
  return zone.split({time, time + seconds{1}}, CalendarUnit::month, 2).value_or(std::vector<Stretch>{{time, time}}).front();
}

/// When the clocks of the zone show that hour of that day of the month; on a day on which they are set perhaps an hour beside it.
WallTime moment_of(const ReportPlan& plan, const Stretch& month) {
  constexpr std::size_t most_days = 32;
  const auto days = plan.zone.split(month, CalendarUnit::day, most_days).value_or(std::vector<Stretch>{month});
  const auto index = std::min(days.size(), static_cast<std::size_t>(plan.day)) - 1;
  const auto moment = days[index].from + hours{plan.hour};
  return moment + hours{plan.hour - plan.zone.hour(moment)};
}

}  // namespace

ReportMonth ReportPlan::newest(WallTime now) const {
  const auto this_month = month_of(zone, now);
  auto ended = month_of(zone, this_month.from - seconds{1});
  if (now < moment_of(*this, this_month)) ended = month_of(zone, ended.from - seconds{1});
  return {zone.date_text(ended.from).substr(0, 7), ended, zone};
}

Result<ReportPlan> parse_report_plan(const nlohmann::json& object) {
  RuleFields fields(object);
  ReportPlan plan;
  plan.channels = fields.texts("channels");
  if (!std::ranges::all_of(plan.channels, is_rule_name)) fields.refuse("channels", "names of channels: 1-32 of a-z 0-9 -");
  plan.day = static_cast<int>(fields.number("day", 1, 28, plan.day));
  plan.hour = static_cast<int>(fields.number("hour", 0, 23, plan.hour));
  if (const auto name = fields.text("time_zone", longest_zone); !name.empty()) {
    auto zone = TimeZone::find(name);
    if (!zone) fields.refuse("time_zone", "a time zone of the IANA database such as Europe/Berlin or UTC");
    plan.zone = zone ? std::move(*zone) : TimeZone::utc();
  }
  return fields.finish().map([&] { return std::move(plan); });
}

}  // namespace vpn_sentinel
