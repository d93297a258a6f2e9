#include "hub/alert/desk.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// Batches of one moment begin one after the other (Desk::next_beginning): so far ahead is no clock that was set.
constexpr std::chrono::milliseconds beside{1};
constexpr std::string_view batch_prefix = "batch/";

std::optional<WallTime> earlier(std::optional<WallTime> left, std::optional<WallTime> right) {
  return left && right ? std::min(left, right) : left ? left : right;
}

/// No deadline is farther away than what it was made of.
void bring_back(std::optional<WallTime>& time, WallTime latest) {
  if (time) time = std::min(*time, latest);
}

}  // namespace

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

std::optional<WallTime> Desk::next_alarm() const { return alarms_.empty() ? std::nullopt : std::optional(alarms_.begin()->first); }

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
