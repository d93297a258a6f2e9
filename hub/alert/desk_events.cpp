// What happens, and what each rule makes of it.
#include <algorithm>
#include <utility>

#include "hub/alert/desk.hpp"
#include "hub/alert/desk_words.hpp"
#include "hub/state/group.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

constexpr std::string_view watch_prefix = "watch/";
constexpr std::string_view news_prefix = "news/";

std::string watch_key(const AlertRule& rule, const std::string& subject) { return std::string(watch_prefix) + rule.name + "/" + subject; }
std::string news_key(const AlertRule& rule, const std::string& subject) { return std::string(news_prefix) + rule.name + "/" + subject; }

bool matches_one(const std::vector<std::string>& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [text](const std::string& pattern) { return matches_pattern(pattern, text); });
}

/// The rule asks about this subject at all.
bool is_about(const AlertRule& rule, const DeskEvent& event) {
  const bool of_reports = rule.on == AlertRule::On::latency || rule.on == AlertRule::On::dns_mismatch;
  if (of_reports || !event.rule.empty()) return event.rule == rule.name;
  const bool of_hub = event.subject.starts_with("hub:");
  if (of_hub || rule.on == AlertRule::On::hub) return of_hub && rule.on == AlertRule::On::hub;
  if (rule.on == AlertRule::On::group && !event.is_group) return false;
  if (!rule.groups.empty() && (event.group.empty() || !matches_one(rule.groups, event.group))) return false;
  if (!rule.clients.empty()) return matches_one(rule.clients, event.subject);
  // Its group tells it. What only the member tells (what was, its address) is no trouble that holds.
  return !event.by_group || event.past || event.moved;
}

bool has_state(const AlertRule& rule, State state) {
  return rule.states.empty() ? state != State::secure : std::ranges::find(rule.states, state) != rule.states.end();
}

bool tells_everything(const AlertRule& rule) { return rule.on == AlertRule::On::state && rule.states.empty(); }

/// What the rule asks for is so. `told`: it was told already.
bool holds_now(const AlertRule& rule, const DeskEvent& event, bool told) {
  switch (rule.on) {
    case AlertRule::On::state:
    case AlertRule::On::group:
      return has_state(rule, event.to);
    case AlertRule::On::finding:
      return has_state(rule, event.to) &&
             std::ranges::any_of(event.codes, [&](const std::string& code) { return matches_one(rule.findings, code); });
    case AlertRule::On::silence:
      return event.to == State::offline;
    case AlertRule::On::exposure:
      return told ? event.to != State::secure : event.to == State::danger || event.exposed >= rule.exposed;
    case AlertRule::On::hub:
    case AlertRule::On::latency:
    case AlertRule::On::dns_mismatch:
      return event.to != State::secure;
    case AlertRule::On::address_changes:
      break;
  }
  return false;
}

microseconds delay_of(const AlertRule& rule, const DeskEvent& event) {
  if (rule.on != AlertRule::On::exposure) return rule.delay;
  return std::max<microseconds>(rule.exposed - event.exposed, microseconds{0}) + rule.delay;
}

Notice notice_for(const AlertRule& rule, const DeskEvent& event) {
  const bool exposed = rule.on == AlertRule::On::exposure && event.to == State::danger;
  return exposed ? exposure_notice(*event.notice, rule.exposed) : *event.notice;
}

}  // namespace

DeskEvent desk_event_of(const Change& change, bool by_group, std::optional<std::int64_t> incident) {
  DeskEvent event;
  event.subject = change.client_id;
  event.is_group = change.client.is_group();
  const auto prefix = group_client_id("");
  event.group =
      event.is_group ? change.client_id.substr(std::min(prefix.size(), change.client_id.size())) : change.client.last_report.group;
  event.by_group = by_group;
  event.past = change.past;
  event.moved = change.kind == Change::Kind::address_changed;
  event.from = change.from;
  event.to = change.to;
  event.at = change.at;
  for (const auto& finding : findings_of(change)) event.codes.push_back(finding.code);
  event.exposed = change.exposed;
  event.incident = incident;
  event.notice = notice_of(change);
  if (event.notice) {
    event.notice->group = event.group;
    event.notice->incident = incident;
  }
  return event;
}

void Desk::on_event(const DeskEvent& event, WallTime now) {
  for (const auto& rule : settings_.rules) {
    if (is_about(rule, event)) on_event(rule, event, now);
  }
}

void Desk::on_event(const AlertRule& rule, const DeskEvent& event, WallTime now) {
  if (rule.on == AlertRule::On::address_changes) return on_move(rule, event, now);
  const bool only_news = event.past || (event.by_group && event.moved && rule.clients.empty());
  const auto* known = watches_.find(watch_key(rule, event.subject));
  const bool told = known != nullptr && known->told;
  const bool holds = holds_now(rule, event, told);
  if (only_news || (tells_everything(rule) && !holds && known == nullptr)) {
    if (tells_everything(rule) || has_state(rule, event.to)) on_news(rule, event, now);
    return;
  }
  on_trouble(rule, event, holds, delay_of(rule, event), now);
}

void Desk::on_trouble(const AlertRule& rule, const DeskEvent& event, bool holds, microseconds delay, WallTime now) {
  const auto key = watch_key(rule, event.subject);
  const auto* known = watches_.find(key);
  if (known == nullptr && !holds) return;
  Watch watch = known != nullptr ? *known : Watch{rule.name, event.subject, event.group};
  const bool held = std::exchange(watch.holds, holds);
  watch.group = event.group;
  const auto pend = [&](microseconds wait) {
    if (event.notice) watch.pending = PendingNotice{notice_for(rule, event), now + wait};
  };
  if (!watch.told && !holds) {
    watch.pending.reset();  // it came and went, and nobody was told
  } else if (!watch.told && watch.pending && held) {
    const auto due = std::min(watch.pending->due, now + delay);
    // Of one state the first words say what began.
    if (watch.pending->notice.to != event.to) pend(microseconds{0});
    watch.pending->due = due;
  } else if (!watch.told) {
    pend(delay);
  } else if (!holds && (held || !watch.pending)) {
    pend(rule.clear_delay);
  } else if (!holds) {
    if (tells_everything(rule)) on_news(rule, event, now);  // the end waits to be told
  } else {
    const bool worse = badness(event.to) > badness(watch.worst);
    const bool as_told = watch.last && watch.last->to == event.to;
    watch.pending.reset();  // what was to be over is not
    if (worse) watch.acknowledged = false;
    // A state that is there again is no news; what changes while it stays is.
    if (worse || event.from == event.to) {
      pend(microseconds{0});
    } else if (!as_told) {
      pend(rule.clear_delay);
    }
  }
  settle(key, std::move(watch), now);
}

void Desk::on_news(const AlertRule& rule, const DeskEvent& event, WallTime now) {
  if (!event.notice) return;
  // What was waiting for the end of a silence gives way: the newest counts.
  Watch watch{rule.name, event.subject, event.group, true};
  watch.pending = PendingNotice{*event.notice, now};
  settle(news_key(rule, event.subject), std::move(watch), now);
}

void Desk::on_move(const AlertRule& rule, const DeskEvent& event, WallTime now) {
  if (!event.moved) return;
  const auto key = watch_key(rule, event.subject);
  const auto* known = watches_.find(key);
  Watch watch = known != nullptr ? *known : Watch{rule.name, event.subject, event.group};
  std::erase_if(watch.times, [&](WallTime time) { return time <= now - rule.window; });
  watch.times.push_back(now);
  if (watch.times.size() >= static_cast<std::size_t>(rule.count)) {
    auto notice = address_changes_notice(rule, event, watch.times.front(), now);
    watch.times.clear();  // and so many again before it is told again
    Watch news{rule.name, event.subject, event.group, true};
    news.pending = PendingNotice{std::move(notice), now};
    settle(news_key(rule, event.subject), std::move(news), now);
  }
  const auto next = watch.times.empty() ? std::nullopt : std::optional(watch.times.front() + rule.window);
  put(key, watch.times.empty() ? std::nullopt : std::optional(std::move(watch)), next);
}

void Desk::adopt(const DeskEvent& event, WallTime now) {
  for (const auto& rule : settings_.rules) {
    const auto key = watch_key(rule, event.subject);
    if (!is_about(rule, event) || rule.on == AlertRule::On::address_changes || watches_.find(key) != nullptr) continue;
    if (!holds_now(rule, event, false)) continue;
    Watch watch{rule.name, event.subject, event.group};
    watch.holds = watch.told = true;
    watch.worst = event.to;
    watch.last = event.notice;
    if (rule.remind.count() > 0) watch.remind_at = now + rule.remind;
    if (rule.escalate_after.count() > 0) watch.escalate_at = now + rule.escalate_after;
    const auto alarm = alarm_of(rule, watch, now);
    put(key, std::move(watch), alarm);
  }
}

void Desk::on_acknowledged(const std::string& subject, bool acknowledged, WallTime now) {
  for (const auto& rule : settings_.rules) {
    const auto key = watch_key(rule, subject);
    const auto* known = watches_.find(key);
    if (known == nullptr) continue;
    auto watch = *known;
    watch.acknowledged = acknowledged;
    settle(key, std::move(watch), now);
  }
}

void Desk::forget(const std::string& subject) {
  for (const auto& rule : settings_.rules) {
    put(watch_key(rule, subject), std::nullopt, std::nullopt);
    put(news_key(rule, subject), std::nullopt, std::nullopt);
  }
}

bool Desk::holds(const std::string& rule, const std::string& subject) const {
  const auto* watch = watches_.find(std::string(watch_prefix) + rule + "/" + subject);
  return watch != nullptr && watch->holds;
}

}  // namespace vpn_sentinel
