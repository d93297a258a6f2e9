#include "probe/app/daemon_log.hpp"

#include <fmt/format.h>

namespace vpn_sentinel {
namespace {

LogLevel level_of(KillSwitchEvent::What what) {
  using What = KillSwitchEvent::What;
  if (what == What::open) return LogLevel::error;
  return what == What::armed || what == What::adopted || what == What::let_go ? LogLevel::info : LogLevel::warning;
}

}  // namespace

std::string codes_of(const Verdict& verdict) {
  std::string text;
  for (const auto& finding : verdict.findings) text += (text.empty() ? "" : ",") + finding.code;
  return text.empty() ? "none" : text;
}

LogLevel level_of(State state) {
  switch (state) {
    case State::secure:
      return LogLevel::info;
    case State::danger:
      return LogLevel::error;
    default:
      return LogLevel::warning;
  }
}

std::string_view refusal_hint(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::overrun:
      return "raise LimitNOFILE= of the unit, or narrow the pattern";
    case Error::Kind::unavailable:
      return "give the pattern, or the other target, another VPN_SENTINEL_CLIENT_ID";
    default:
      return "give the namespace another name (ip netns)";
  }
}

void log_left_outbox(const LeftOutbox& left) {
  log(LogLevel::warning, left.removed ? "outbox_given_up" : "outbox_left_behind",
      {{"file", left.file},
       {"reports", left.reports ? fmt::format("{}", *left.reports) : "unknown: the file cannot be read"},
       {"hint", left.removed ? "its hub is not in VPN_SENTINEL_URL any more, and the reports were older than VPN_SENTINEL_OUTBOX_DAYS"
                             : "its hub is not in VPN_SENTINEL_URL any more: add it again to deliver them, or delete the file; it is kept "
                               "for VPN_SENTINEL_OUTBOX_DAYS"}});
}

void log_kill_switch(const TargetWatch& watch, const KillSwitchEvent& event) {
  log(level_of(event.what), to_string(event.what),
      {{"client_id", watch.policy().client_id}, {"detail", event.detail}, {"took_us", event.took.count()}});
}

void log_tracer(const TracerKeeper::News& news) {
  using What = TracerKeeper::News::What;
  if (news.what != What::refused) {
    return log(news.what == What::started ? LogLevel::info : LogLevel::warning, to_string(news.what), {{"detail", news.detail}});
  }
  log(LogLevel::warning, to_string(news.what),
      {{"reason", news.detail},
       {"hint",
        "programs are named by sock_diag where that is sure: not those of UDP that is sent without connect(2), of ICMP, and of what is "
        "short-lived; 'vpn-sentinel-probe doctor' tells more"}});
}

std::string_view following_hint(Error::Kind kind) {
  if (kind == Error::Kind::not_permitted)
    return "changes are noticed a second later; to be told at once the probe needs CAP_DAC_READ_SEARCH";
  return "changes are noticed a second later; raise fs.inotify.max_user_instances and fs.inotify.max_user_watches";
}

}  // namespace vpn_sentinel
