#include "hub/alert/dry_run.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/alert/desk_words.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<WallTime> time_of(const json& object, const char* name) {
  const auto time = parse_rfc3339(text_of(object, name));
  return time ? std::optional(*time) : std::nullopt;
}

/// Nullopt: a row that another version wrote.
std::optional<DeskEvent> event_of(const PastChange& past) {
  const auto& change = past.change;
  const auto to = parse_state(text_of(change, "to"));
  const auto at = time_of(change, "at");
  if (!to || !at) return std::nullopt;
  const auto kind = text_of(change, "kind");
  DeskEvent event{past.client_id, past.group};
  event.is_group = past.client_id.find(':') != std::string::npos;
  event.by_group = past.by_group;
  event.past = change.value("past", false);
  event.moved = kind == "address_changed";
  event.from = parse_state(text_of(change, "from"));
  event.to = *to;
  event.at = *at;
  if (const auto exposed = change.find("exposed_s"); exposed != change.end() && exposed->is_number()) {
    event.exposed = std::chrono::microseconds{static_cast<std::int64_t>(exposed->get<double>() * 1e6)};
  }
  for (const auto& finding : change.value("findings", json::array())) {
    if (finding.is_object()) event.codes.push_back(text_of(finding, "code"));
  }
  event.notice = past_notice(event, kind);
  return event;
}

}  // namespace

DryRun dry_run(const AlertRule& rule, const std::vector<std::string>& channels, const std::vector<PastChange>& changes, WallTime to) {
  Desk desk({{rule}, channels});
  DryRun result;
  const auto take = [&](WallTime now) {
    const auto outcome = desk.finish(now);
    result.messages += outcome.alerts.size();
    const std::string* last = nullptr;
    for (const auto& alert : outcome.alerts) {
      // The same text on several channels is shown once.
      if (last != nullptr && *last == alert.text) continue;
      last = &alert.text;
      const auto notice = parse_notice(alert.text);
      if (notice && result.would_have.size() < DryRun::most_shown)
        result.would_have.push_back({now, notice->client_id, notice->kind, notice->title});
    }
  };
  const auto advance = [&](WallTime until) {
    for (auto alarm = desk.next_alarm(); alarm && *alarm <= until; alarm = desk.next_alarm()) {
      desk.begin();
      take(*alarm);
    }
  };
  auto now = WallTime::min();
  for (const auto& past : changes) {
    const auto event = event_of(past);
    if (!event) continue;
    now = std::max(now, time_of(past.change, "noticed").value_or(event->at));
    advance(now);
    desk.begin();
    desk.on_event(*event, now);
    take(now);
  }
  advance(to);
  return result;
}

json to_json(const DryRun& run) {
  auto list = json::array();
  for (const auto& message : run.would_have) {
    list.push_back({{"at", to_rfc3339(message.at)},
                    {"client_id", message.client_id.empty() ? json(nullptr) : json(message.client_id)},
                    {"kind", to_string(message.kind)},
                    {"title", message.title}});
  }
  return {{"would_have", std::move(list)}, {"messages", run.messages}};
}

bool needs_reports(const AlertRule& rule) noexcept {
  return rule.on == AlertRule::On::latency || rule.on == AlertRule::On::dns_mismatch || rule.on == AlertRule::On::hub;
}

}  // namespace vpn_sentinel
