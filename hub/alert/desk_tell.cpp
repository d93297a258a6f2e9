// What is told, to whom, and what is joined into one message.
#include <algorithm>
#include <iterator>

#include "hub/alert/desk.hpp"
#include "hub/alert/desk_words.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {
namespace {

/// Messages of one kind about one group are alike, if they tell the same state: of those who are heard again one may be in danger.
std::string batch_key(const std::string& rule, const Notice& notice) {
  const auto state = notice.to ? std::string(to_string(*notice.to)) : std::string();
  return "batch/" + rule + "/" + std::string(to_string(notice.kind)) + "/" + state + "/" + notice.group;
}

/// Danger, and that it is over, never waits for the morning; neither does whoever is called because nobody came.
bool is_urgent(const Notice& notice) {
  return notice.to == State::danger || notice.from == State::danger || notice.kind == Notice::Kind::escalation;
}

}  // namespace

std::optional<Desk::Silence> Desk::silence_of(const AlertRule& rule, const Watch& watch, const Notice& notice, WallTime now) const {
  if (const auto* mute = care_.mute_of(watch.subject, watch.group, now)) return Silence{mute->until, true};
  if (const auto* window = care_.window_of(watch.subject, now)) return Silence{window->to, true};
  for (const auto& window : settings_.windows) {
    const bool covers = std::ranges::any_of(window.clients, [&](const auto& each) { return matches_pattern(each, watch.subject); });
    if (covers && now >= window.from && now < window.to) return Silence{window.to, true};
  }
  for (const auto& weekly : settings_.weekly) {
    const bool covers = std::ranges::any_of(weekly.clients, [&](const auto& each) { return matches_pattern(each, watch.subject); });
    if (const auto end = covers ? weekly.time.end_of(now) : std::nullopt) return Silence{end, true};
  }
  if (!rule.quiet || is_urgent(notice)) return std::nullopt;
  const auto end = rule.quiet->end_of(now);
  return end ? std::optional(Silence{end, false}) : std::nullopt;
}

void Desk::settle(const std::string& key, Watch watch, WallTime now) {
  const auto& rule = *find_rule(watch.rule);
  if (rule.remind.count() == 0) watch.remind_at.reset();
  if (rule.escalate_after.count() == 0) watch.escalate_at.reset();
  if (watch.pending && watch.pending->due <= now) {
    const auto silence = silence_of(rule, watch, watch.pending->notice, now);
    if (!silence) tell_pending(rule, watch, now);
    // News of a time of which nobody wants to hear is none later.
    if (silence && silence->for_good && watch.is_news) watch.pending.reset();
  }
  if (watch.told && watch.holds) tell_again(rule, watch, now);
  const bool empty = !watch.pending && !watch.holds && !watch.told && watch.times.empty();
  const auto alarm = empty ? std::nullopt : alarm_of(rule, watch, now);
  put(key, empty ? std::nullopt : std::optional(std::move(watch)), alarm);
}

void Desk::tell_pending(const AlertRule& rule, Watch& watch, WallTime now) {
  auto notice = std::move(watch.pending->notice);
  watch.pending.reset();
  notice.rule = rule.name;
  if (!watch.is_news) {
    const auto state = notice.to.value_or(State::danger);
    const bool worse = !watch.told || badness(state) > badness(watch.worst);
    watch.told = watch.holds;
    if (watch.holds) {
      watch.last = notice;
      if (rule.remind.count() > 0) watch.remind_at = now + rule.remind;
      if (worse) {
        watch.worst = state;
        watch.escalated = false;
        if (rule.escalate_after.count() > 0) watch.escalate_at = now + rule.escalate_after;
      }
    } else {
      watch.last.reset();
      watch.remind_at.reset();
      watch.escalate_at.reset();
      watch.acknowledged = watch.escalated = false;
    }
  }
  tell(rule, rule.channels, std::move(notice), now);
}

void Desk::tell_again(const AlertRule& rule, Watch& watch, WallTime now) {
  if (watch.acknowledged || !watch.last) return;
  if (watch.escalate_at && *watch.escalate_at <= now && !watch.escalated) {
    auto notice = escalation_notice(*watch.last, now);
    const auto silence = silence_of(rule, watch, notice, now);
    if (silence) {
      watch.escalate_at = silence->until.value_or(now + rule.escalate_after);
    } else {
      watch.escalated = true;
      watch.escalate_at.reset();
      tell(rule, rule.escalate_to, std::move(notice), now);
    }
  }
  if (watch.remind_at && *watch.remind_at <= now) {
    auto notice = reminder_notice(*watch.last, now);
    const auto silence = silence_of(rule, watch, notice, now);
    watch.remind_at = silence && silence->until ? *silence->until : now + rule.remind;
    if (!silence) tell(rule, rule.channels, std::move(notice), now);
  }
}

void Desk::tell(const AlertRule& rule, std::vector<std::string> channels, Notice notice, WallTime now) {
  if (channels.empty()) channels = settings_.channels;
  const bool joins = rule.group_wait.count() > 0 || (settings_.join_wait.count() > 0 && !notice.client_id.empty());
  if (joins && notice.kind != Notice::Kind::escalation) return add_to_batch(rule, channels, std::move(notice), now);
  tellings_.push_back({rule.name, std::move(channels), std::move(notice)});
}

/// The last that is read of a client must be what is so of it: what waits to be told after this batch, and is older, goes first.
void Desk::tell_what_is_older(const AlertRule& rule, const std::string& key, const std::string& client_id) {
  const auto* batch = batches_.find(key);
  if (batch == nullptr) return;
  const auto is_older = [&](const auto& each) {
    const auto& [other_key, other] = each;
    const bool may_name = other.more > 0 || std::ranges::find(other.clients, client_id) != other.clients.end();
    return other_key != key && other.rule == rule.name && other.begun > batch->begun && may_name;
  };
  if (std::ranges::none_of(batches_.all(), is_older)) return;
  const auto is_of_rule = [&](const auto& each) { return each.second.rule == rule.name; };
  for (auto found = std::ranges::find_if(batches_.all(), is_of_rule); found != batches_.all().end();
       found = std::ranges::find_if(batches_.all(), is_of_rule)) {
    flush(std::string(found->first));
  }
}

/// Each begins at a moment of its own: by it they are told one after the other.
WallTime Desk::next_beginning(WallTime now) const {
  for (const auto& [key, batch] : batches_.all()) now = std::max(now, batch.begun + std::chrono::microseconds{1});
  return now;
}

void Desk::add_to_batch(const AlertRule& rule, const std::vector<std::string>& channels, Notice notice, WallTime now) {
  const auto key = batch_key(rule.name, notice);
  tell_what_is_older(rule, key, notice.client_id);
  const auto* known = batches_.find(key);
  auto batch = known != nullptr ? *known : NoticeBatch{rule.name, {}, next_beginning(now), channels, notice};
  const bool storm = rule.group_wait.count() == 0 && is_storm(key, notice.client_id, now) && known == nullptr;
  const bool named = std::ranges::find(batch.clients, notice.client_id) != batch.clients.end();
  if (!named && batch.clients.size() < Notice::most_clients) {
    batch.clients.push_back(notice.client_id);
  } else if (!named) {
    ++batch.more;
  }
  if (batch.clients.size() < most_alone) batch.few.push_back(std::move(notice));
  batch.due = due_of(rule, batch, storm, now);
  put_batch(key, std::move(batch));
}

WallTime Desk::due_of(const AlertRule& rule, const NoticeBatch& batch, bool storm, WallTime now) const {
  if (batch.few.size() >= NoticeBatch::most_few) return now;
  if (rule.group_wait.count() > 0) return batch.begun + rule.group_wait;
  if (storm) return std::max(batch.due, batch.begun + storm_wait);
  const auto usual = std::max(batch.due, batch.begun + settings_.join_wait);
  // One or two are told at once; of more nobody knows how many they will be.
  const bool many = batch.clients.size() + batch.more > 2;
  return many ? std::max(usual, std::min(batch.begun + longest_join, now + 5 * settings_.join_wait)) : usual;
}

bool Desk::is_storm(const std::string& batch, const std::string& client_id, WallTime now) {
  auto& recent = recent_[batch];
  std::erase_if(recent, [&](const auto& each) { return each.second <= now - storm_span; });
  const bool storm = recent.size() - recent.count(client_id) >= most_alone;
  recent[client_id] = now;
  // The newest are enough to know.
  if (recent.size() > most_alone + 1) recent.erase(std::ranges::min_element(recent, {}, [](const auto& each) { return each.second; }));
  return storm;
}

void Desk::flush(const std::string& key) {
  const auto batch = *batches_.find(key);
  // What began before is told before: nobody hears of a recovery and then of the danger.
  for (auto earlier = batches_.all().begin(); earlier != batches_.all().end();) {
    const auto& [other_key, other] = *earlier;
    const bool before = other.rule == batch.rule && other.first.group == batch.first.group && other.begun < batch.begun;
    if (before) flush(std::string(other_key));
    earlier = before ? batches_.all().begin() : std::next(earlier);
  }
  put_batch(key, std::nullopt);
  const auto* rule = find_rule(batch.rule);
  // The rule may name others since.
  const auto& channels = rule == nullptr ? batch.channels : rule->channels.empty() ? settings_.channels : rule->channels;
  const auto say = [&](Notice notice) { tellings_.push_back({rule == nullptr ? "" : rule->name, channels, std::move(notice)}); };
  const auto clients = batch.clients.size() + batch.more;
  const bool waited = batch.due - batch.begun >= storm_wait || (rule != nullptr && rule->group_wait.count() > 0);
  const bool each_alone = clients == 1 || (clients < most_alone && !waited);
  if (!each_alone) return say(together_notice(batch.first, batch.clients, batch.more));
  if (batch.few.empty()) return say(batch.first);
  for (const auto& notice : batch.few) say(notice);
}

/// Many at once are one message each, per rule, kind and group. What is joined with what came before must not overtake another message
/// about the same client: then a new row of messages begins.
void Desk::join_tellings(WallTime now, Outcome& outcome) {
  const auto tellings = std::exchange(tellings_, {});
  std::map<std::pair<std::string, std::string>, std::string> said;  ///< by rule and client: which row
  auto first = tellings.begin();
  for (auto next = first; next != tellings.end(); ++next) {
    const auto& notice = next->notice;
    const bool is_joined = !notice.clients.empty();
    const auto about = std::pair(next->rule, notice.client_id);
    const auto key = batch_key(next->rule, notice);
    const auto known = said.find(about);
    if (is_joined || (known != said.end() && known->second != key)) {
      join_tellings({first, next}, now, outcome);
      first = next;
      said.clear();
    }
    said.insert_or_assign(about, key);
  }
  join_tellings({first, tellings.end()}, now, outcome);
}

void Desk::join_tellings(const std::vector<Telling>& tellings, WallTime now, Outcome& outcome) const {
  const auto key_of = [](const Telling& telling) {
    const auto& notice = telling.notice;
    const auto about = notice.clients.empty() && !notice.client_id.empty() && notice.kind != Notice::Kind::escalation;
    return about && !telling.rule.empty() ? batch_key(telling.rule, notice) : std::string();
  };
  std::map<std::string, std::set<std::string>> alike;
  for (const auto& telling : tellings) alike[key_of(telling)].insert(telling.notice.client_id);
  std::set<std::string> joined;
  for (const auto& telling : tellings) {
    const auto key = key_of(telling);
    const auto& clients = alike.at(key);
    if (key.empty() || clients.size() < most_alone) {
      write(telling, now, outcome);
      continue;
    }
    if (!joined.insert(key).second) continue;
    const auto named = std::min(clients.size(), Notice::most_clients);
    std::vector<std::string> names(clients.begin(), std::next(clients.begin(), static_cast<std::ptrdiff_t>(named)));
    write({telling.rule, telling.channels, together_notice(telling.notice, names, clients.size() - named)}, now, outcome);
  }
}

/// A rule of the API may name a channel that the file has no more: better all others hear of it than nobody.
std::vector<std::string> Desk::reachable(const std::vector<std::string>& named) const {
  if (settings_.channels.empty()) return named;
  std::vector<std::string> there;
  for (const auto& channel : named) {
    if (std::ranges::find(settings_.channels, channel) != settings_.channels.end()) there.push_back(channel);
  }
  return there.empty() ? settings_.channels : there;
}

void Desk::write(const Telling& telling, WallTime now, Outcome& outcome) const {
  const auto text = to_text(telling.notice);
  for (const auto& channel : reachable(telling.channels)) outcome.alerts.push_back({0, channel, text, now, 0});
}

}  // namespace vpn_sentinel
