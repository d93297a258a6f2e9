#include "hub/app/report_clock.hpp"

#include <fmt/format.h>

#include <utility>

#include "hub/alert/monthly_report.hpp"
#include "netns/daemon/log.hpp"

namespace vpn_sentinel {

void ReportClock::turn(const std::shared_ptr<DeskKeeper>& desk, Engine& engine, WallTime now, MonoTime mono) {
  if (mono < next_) return;
  const auto due = desk->due_report(now);
  if (!due) return;
  next_ = mono + pause;
  static_cast<void>(engine.query([desk, now, due = *due](StoreReader& reader) {
    const auto report = read_month(reader, due.month, due.zone, now);
    if (!report) {
      return log(LogLevel::warning, "report_not_made",
                 {{"month", due.name}, {"message", report.error().message}, {"next", "trying again in a minute"}});
    }
    desk->offer_report(due.name, to_text(report_notice(*report), {fmt::format("vpn-sentinel-{}.html", due.name), report_html(*report)}));
    log(LogLevel::info, "report_made", {{"month", due.name}});
  }));
}

}  // namespace vpn_sentinel
