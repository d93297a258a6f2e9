#include "hub/alert/desk.hpp"

#include <algorithm>
#include <utility>

#include "hub/alert/desk_words.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// Batches of one moment begin one after the other (Desk::next_beginning): so far ahead is no clock that was set.
constexpr std::chrono::milliseconds beside{1};
constexpr std::string_view watch_prefix = "watch/";
constexpr std::string_view news_prefix = "news/";
constexpr std::string_view batch_prefix = "batch/";

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

std::optional<WallTime> earlier(std::optional<WallTime> left, std::optional<WallTime> right) {
  return left && right ? std::min(left, right) : left ? left : right;
}

/// No deadline is farther away than what it was made of.
void bring_back(std::optional<WallTime>& time, WallTime latest) {
  if (time) time = std::min(*time, latest);
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

const AlertRule* Desk::find_rule(const std::string& name) const {
  const auto found = std::ranges::find(settings_.rules, name, &AlertRule::name);
  return found == settings_.rules.end() ? nullptr : &*found;
}

/// Which began before which stays as it was, also when the clock was set back.
void Desk::restore_batches(const std::vector<Kept>& kept, WallTime now) {
  std::vector<std::pair<std::string, NoticeBatch>> batches;
  auto latest = now;
  for (const auto& row : kept) {
    auto batch = row.name.starts_with(batch_prefix) ? parse_batch(row.json) : std::nullopt;
    if (!batch) continue;
    latest = std::max(latest, batch->begun);
    batches.emplace_back(row.name, std::move(*batch));
  }
  for (auto& [key, batch] : batches) {
    const auto* rule = find_rule(batch.rule);
    const auto wait = rule == nullptr ? std::chrono::seconds{0} : rule->group_wait.count() > 0 ? rule->group_wait : storm_wait;
    batch.due = std::min(batch.due, now + wait + beside);
    batch.begun -= latest - now > beside ? latest - now : microseconds{0};
    set_alarm(key, batch.due);
    batches_.restore(key, std::move(batch));
  }
}

void Desk::restore(const std::vector<Kept>& kept, WallTime now) {
  restore_batches(kept, now);
  for (const auto& row : kept) {
    if (row.name.starts_with(batch_prefix)) continue;
    auto watch = parse_watch(row.json);
    if (!watch) continue;
    if (const auto* rule = find_rule(watch->rule)) {
      const auto longest =
          std::max(rule->delay, rule->clear_delay) + (rule->on == AlertRule::On::exposure ? rule->exposed : std::chrono::seconds{0});
      if (watch->pending) watch->pending->due = std::min(watch->pending->due, now + longest);
      bring_back(watch->remind_at, now + rule->remind);
      bring_back(watch->escalate_at, now + rule->escalate_after);
    }
    set_alarm(row.name, now);
    watches_.restore(row.name, std::move(*watch));
  }
}

void Desk::use(DeskSettings settings, WallTime now) {
  settings_ = std::move(settings);
  settle_all(now);
}

void Desk::set_care(const Care& care, WallTime now) {
  care_ = care;
  settle_all(now);
}

/// With the next finish(): nothing is told outside of a transaction.
void Desk::settle_all(WallTime now) {
  for (const auto& [key, watch] : watches_.all()) set_alarm(key, now);
}

void Desk::shift(microseconds by) {
  const auto move = [by](std::optional<WallTime>& time) {
    if (time) *time += by;
  };
  const auto watches = watches_.all();
  for (const auto& [key, known] : watches) {
    auto watch = known;
    if (watch.pending) watch.pending->due += by;
    move(watch.remind_at);
    move(watch.escalate_at);
    for (auto& time : watch.times) time += by;
    const auto alarm = alarm_of_.find(key);
    put(key, std::move(watch), alarm == alarm_of_.end() ? std::nullopt : std::optional(alarm->second + by));
  }
  const auto batches = batches_.all();
  for (const auto& [key, known] : batches) {
    auto batch = known;
    batch.due += by;
    batch.begun += by;
    put_batch(key, std::move(batch));
  }
  recent_.clear();
}

void Desk::begin() {
  watches_.begin();
  batches_.begin();
  tellings_.clear();
}

void Desk::take_back() {
  tellings_.clear();
  // Whatever an alarm was: the next finish() finds out what is due.
  for (const auto& key : watches_.take_back()) set_alarm(key, watches_.find(key) != nullptr ? std::optional(WallTime{}) : std::nullopt);
  for (const auto& key : batches_.take_back()) {
    const auto* batch = batches_.find(key);
    set_alarm(key, batch != nullptr ? std::optional(batch->due) : std::nullopt);
  }
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

std::optional<WallTime> Desk::next_alarm() const { return alarms_.empty() ? std::nullopt : std::optional(alarms_.begin()->first); }

bool Desk::holds(const std::string& rule, const std::string& subject) const {
  const auto* watch = watches_.find(std::string(watch_prefix) + rule + "/" + subject);
  return watch != nullptr && watch->holds;
}

void Desk::put(const std::string& key, std::optional<Watch> watch, std::optional<WallTime> alarm) {
  const auto* known = watches_.find(key);
  if (known == nullptr || !watch || !(*known == *watch)) watches_.set(key, std::move(watch));
  set_alarm(key, alarm);
}

void Desk::put_batch(const std::string& key, std::optional<NoticeBatch> batch) {
  set_alarm(key, batch ? std::optional(batch->due) : std::nullopt);
  batches_.set(key, std::move(batch));
}

void Desk::set_alarm(const std::string& key, std::optional<WallTime> alarm) {
  if (const auto found = alarm_of_.find(key); found != alarm_of_.end()) {
    alarms_.erase({found->second, key});
    alarm_of_.erase(found);
  }
  if (!alarm) return;
  alarms_.emplace(*alarm, key);
  alarm_of_.emplace(key, *alarm);
}

std::optional<WallTime> Desk::alarm_of(const AlertRule& rule, const Watch& watch, WallTime now) const {
  std::optional<WallTime> alarm;
  if (watch.pending) {
    const bool due = watch.pending->due <= now;
    // What is due and was not told is silenced: until somebody changes that, or until its end.
    const auto silence = due ? silence_of(rule, watch, watch.pending->notice, now) : std::nullopt;
    alarm = !due ? std::optional(watch.pending->due) : silence ? silence->until : std::optional(now);
  }
  if (!watch.times.empty()) alarm = earlier(alarm, watch.times.front() + rule.window);
  if (watch.told && watch.holds && !watch.acknowledged) {
    alarm = earlier(alarm, watch.remind_at);
    if (!watch.escalated) alarm = earlier(alarm, watch.escalate_at);
  }
  return alarm;
}

Desk::Outcome Desk::finish(WallTime now) {
  Outcome outcome;
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const auto key = alarms_.begin()->second;
    if (key.starts_with(batch_prefix)) {
      flush(key);
      continue;
    }
    set_alarm(key, std::nullopt);
    const auto* watch = watches_.find(key);
    if (watch == nullptr) continue;
    const auto* rule = find_rule(watch->rule);
    if (rule == nullptr) {
      put(key, std::nullopt, std::nullopt);
    } else if (rule->on == AlertRule::On::address_changes && !watch->is_news) {
      auto aged = *watch;
      std::erase_if(aged.times, [&](WallTime time) { return time <= now - rule->window; });
      const auto next = aged.times.empty() ? std::nullopt : std::optional(aged.times.front() + rule->window);
      put(key, aged.times.empty() ? std::nullopt : std::optional(aged), next);
    } else {
      settle(key, *watch, now);
    }
  }
  join_tellings(now, outcome);
  for (const auto& key : watches_.take_unsaved()) {
    const auto* watch = watches_.find(key);
    if (watch == nullptr) outcome.dropped.push_back(key);
    if (watch != nullptr) outcome.kept.push_back({key, to_text(*watch)});
  }
  for (const auto& key : batches_.take_unsaved()) {
    const auto* batch = batches_.find(key);
    if (batch == nullptr) outcome.dropped.push_back(key);
    if (batch != nullptr) outcome.kept.push_back({key, to_text(*batch)});
  }
  return outcome;
}

}  // namespace vpn_sentinel
