#include "hub/alert/desk_keeper.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hub/alert/desk_words.hpp"

namespace vpn_sentinel {
namespace {

/// Those of the API in the place of those of the file that have the same name.
DeskSettings joined(DeskSettings file, const std::vector<AlertRule>& api) {
  for (const auto& rule : api) {
    std::erase_if(file.rules, [&](const AlertRule& each) { return each.name == rule.name; });
    file.rules.push_back(rule);
  }
  if (file.rules.empty()) file.rules.push_back(built_in_rule());
  return file;
}

bool is_dns_mismatch(const ClientState& client) {
  const auto tells = [](const Finding& finding) { return finding.code.starts_with("dns_") && finding.severity != Severity::information; };
  return std::ranges::any_of(client.findings, tells);
}

constexpr auto report_row = "report";

/// Whose report was told last; empty: none, or nothing that tell_report() wrote.
std::string told_month(const std::vector<Kept>& memory) {
  const auto row = std::ranges::find(memory, report_row, &Kept::name);
  const auto object = row == memory.end() ? nlohmann::json() : nlohmann::json::parse(row->json, nullptr, false);
  const auto month = object.is_object() ? object.find("month") : object.end();
  return object.is_object() && month != object.end() && month->is_string() ? month->get<std::string>() : std::string();
}

bool follows_reports(const AlertRule& rule) { return rule.on == AlertRule::On::latency || rule.on == AlertRule::On::dns_mismatch; }

bool is_named(const std::vector<std::string>& patterns, const std::string& text) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& each) { return matches_pattern(each, text); });
}

Notice hub_notice(const std::string& what, bool trouble, const std::string& sentence, WallTime now) {
  Notice notice;
  notice.kind = trouble ? Notice::Kind::hub_trouble : Notice::Kind::hub_works;
  notice.title = trouble ? "⚠️ VPN Sentinel hub: trouble with " + what : "✅ VPN Sentinel hub: " + what + " is all right again";
  notice.text = sentence;
  notice.from = trouble ? State::secure : State::warning;
  notice.to = trouble ? State::warning : State::secure;
  notice.at = notice.noticed = now;
  return notice;
}

std::vector<AlertRule> rules_of(const std::vector<Kept>& rows) {
  std::vector<AlertRule> rules;
  for (const auto& row : rows) {
    // One that this version does not understand is left out, and shown so: GET /rules has only those in force.
    auto rule = parse_rule(nlohmann::json::parse(row.json, nullptr, false), AlertRule::Source::api);
    if (rule) rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace

DeskSettings with_api_rules(DeskSettings file, const std::vector<Kept>& rows) { return joined(std::move(file), rules_of(rows)); }

DeskKeeper::DeskKeeper(DeskSettings settings) : desk_(joined(settings, {})), file_(std::move(settings)) {
  rules_ = desk_.settings().rules;
  follows_ = std::ranges::any_of(rules_, follows_reports);
}

void DeskKeeper::use(DeskSettings settings) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(settings);
  is_new_ = true;
}

bool DeskKeeper::is_in_force() const {
  const std::lock_guard lock(mutex_);
  return !is_new_;
}

void DeskKeeper::on_hub(const std::string& what, bool trouble, const std::string& sentence, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto said = troubles_.find(what);
  if (said != troubles_.end() && said->second == trouble) return;
  troubles_[what] = trouble;
  DeskEvent event{"hub:" + what};
  event.from = trouble ? State::secure : State::warning;
  event.to = trouble ? State::warning : State::secure;
  event.at = now;
  event.notice = hub_notice(what, trouble, sentence, now);
  waiting_.push_back(std::move(event));
}

std::vector<AlertRule> DeskKeeper::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

DeskSettings DeskKeeper::file_settings() const {
  const std::lock_guard lock(mutex_);
  return file_;
}

void DeskKeeper::restore(const std::vector<Kept>& memory, const std::vector<Kept>& rules, const Care& care, WallTime now) {
  api_rules_ = rules_of(rules);
  {
    const std::lock_guard lock(mutex_);
    told_month_ = told_month(memory);
  }
  apply(now);
  desk_.restore(memory, now);
  desk_.set_care(care, now);
}

void DeskKeeper::apply(WallTime now) {
  const std::lock_guard lock(mutex_);
  is_new_ = false;
  if (!file_.report) offered_.reset();  // nobody wants it any more
  desk_.use(joined(file_, api_rules_), now);
  stock_is_due_ = true;
  rules_ = desk_.settings().rules;
  follows_ = std::ranges::any_of(rules_, follows_reports);
  std::erase_if(series_, [&](const auto& each) { return std::ranges::find(rules_, each.first.first, &AlertRule::name) == rules_.end(); });
}

void DeskKeeper::adopt(const ClientState& client, bool by_group, const std::optional<Incident>& incident, WallTime now) {
  if (client.state == State::secure) return;
  Change change;
  change.kind = client.state == State::offline ? Change::Kind::went_offline : Change::Kind::state_changed;
  change.client_id = client.client_id;
  change.from = State::secure;
  change.to = client.state;
  change.at = client.since;
  change.noticed = now;
  change.client = client;
  if (incident) change.exposed = exposed_until(*incident, now);
  desk_.adopt(desk_event_of(change, by_group, incident ? std::optional(incident->id) : std::nullopt), now);
  if (incident && incident->acknowledged) desk_.on_acknowledged(client.client_id, true, now);
}

/// New settings count for a whole transaction: what happens in it is not told by two sets of rules.
void DeskKeeper::begin() {
  desk_.begin();
  hub_events_.clear();
  rules_before_.reset();
  told_before_.reset();
  report_under_way_.reset();
  if (!is_in_force()) apply(WallTime{});
}

void DeskKeeper::take_back() {
  desk_.take_back();
  stock_is_due_ = true;
  if (rules_before_) {
    api_rules_ = *std::exchange(rules_before_, {});
    apply(WallTime{});
  }
  const std::lock_guard lock(mutex_);
  if (told_before_) {
    told_month_ = *std::exchange(told_before_, std::nullopt);
    offered_ = std::exchange(report_under_way_, std::nullopt);
  }
  waiting_.insert(waiting_.begin(), std::make_move_iterator(hub_events_.begin()), std::make_move_iterator(hub_events_.end()));
  hub_events_.clear();
}

void DeskKeeper::on_change(const Change& change, bool by_group, std::optional<std::int64_t> incident, WallTime now) {
  desk_.on_event(desk_event_of(change, by_group, incident), now);
}

void DeskKeeper::on_report(const ClientState& client, WallTime now) {
  if (!follows_) return;
  for (const auto& rule : desk_.settings().rules) {
    if (!follows_reports(rule) || !is_named(rule.clients, client.client_id) || !is_named(rule.groups, client.last_report.group)) continue;
    follow(rule, client, now);
  }
}

void DeskKeeper::follow(const AlertRule& rule, const ClientState& client, WallTime now) {
  const auto key = std::pair(rule.name, client.client_id);
  if (!series_.contains(key) && series_.size() >= most_series) return;
  auto& series = series_[key];
  const auto& group = client.last_report.group;
  const bool held = desk_.holds(rule.name, client.client_id);
  DeskEvent event{client.client_id, group};
  event.rule = rule.name;
  event.at = now;
  const auto say = [&](bool holds, Notice notice) {
    event.from = holds ? State::secure : State::warning;
    event.to = holds ? State::warning : State::secure;
    event.notice = std::move(notice);
    desk_.on_event(event, now);
  };
  if (rule.on == AlertRule::On::latency) {
    if (!client.last_report.latency_ms) return;
    series.latency.add(*client.last_report.latency_ms);
    const auto verdict = series.latency.verdict(rule.deviations);
    if (!verdict || verdict->deviates == held) return;
    return say(verdict->deviates, latency_notice(client.client_id, group, verdict->now_ms, verdict->usual_ms, verdict->deviates, now));
  }
  series.mismatches.add(is_dns_mismatch(client), static_cast<std::size_t>(rule.of));
  const auto count = static_cast<int>(series.mismatches.count());
  const bool holds = count >= rule.count;
  // After a start so many good reports say nothing about those before.
  if (holds == held || (!holds && series.mismatches.size() < static_cast<std::size_t>(rule.of))) return;
  say(holds, dns_mismatch_notice(client.client_id, group, count, rule.of, holds, now));
}

void DeskKeeper::on_rules(const std::vector<Kept>& rules, WallTime now) {
  auto before = std::exchange(api_rules_, rules_of(rules));
  if (!rules_before_) rules_before_ = std::move(before);
  apply(now);
}

void DeskKeeper::forget(const std::string& client_id) {
  desk_.forget(client_id);
  std::erase_if(series_, [&](const auto& each) { return each.first.second == client_id; });
}

AlertDesk::Outcome DeskKeeper::finish(WallTime now) {
  {
    const std::lock_guard lock(mutex_);
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(hub_events_));
    waiting_.clear();
  }
  for (const auto& event : hub_events_) desk_.on_event(event, now);
  auto outcome = desk_.finish(now);
  tell_report(outcome, now);
  return outcome;
}

/// With the row that says so: a hub that is killed does not tell it again.
void DeskKeeper::tell_report(Outcome& outcome, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto& settings = desk_.settings();
  const bool is_new = told_month_.empty();
  if (!settings.report || (!is_new && !offered_)) return;
  told_before_ = told_month_;
  report_under_way_ = std::exchange(offered_, std::nullopt);
  if (!is_new && report_under_way_->first > told_month_) {
    const auto& channels = settings.report->channels.empty() ? settings.channels : settings.report->channels;
    for (const auto& channel : channels) outcome.alerts.push_back({0, channel, report_under_way_->second, now, 0});
  }
  told_month_ = is_new ? settings.report->newest(now).name : std::max(told_month_, report_under_way_->first);
  outcome.kept.push_back({report_row, nlohmann::json{{"month", told_month_}}.dump()});
}

std::optional<ReportMonth> DeskKeeper::due_report(WallTime now) const {
  const std::lock_guard lock(mutex_);
  if (!file_.report || told_month_.empty() || offered_) return std::nullopt;
  auto newest = file_.report->newest(now);
  return newest.name > told_month_ ? std::optional(std::move(newest)) : std::nullopt;
}

void DeskKeeper::offer_report(const std::string& month, std::string text) {
  const std::lock_guard lock(mutex_);
  if (file_.report) offered_.emplace(month, std::move(text));
}

std::optional<WallTime> DeskKeeper::next_alarm() const {
  const std::lock_guard lock(mutex_);
  const bool report = offered_ || (file_.report && told_month_.empty());
  return is_new_ || report || !waiting_.empty() ? std::optional(WallTime{}) : desk_.next_alarm();
}

}  // namespace vpn_sentinel
