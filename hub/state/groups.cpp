#include "hub/state/groups.hpp"

#include <algorithm>
#include <utility>

#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// The address, when all that see agree on it.
std::string common_address(const std::vector<const ClientState*>& members) {
  std::string address;
  for (const auto* member : members) {
    if (!sees(*member) || member->known_address.empty()) continue;
    if (!address.empty() && address != member->known_address) return {};
    address = member->known_address;
  }
  return address;
}

/// How bad a kill switch is, the worst highest. A word of a later version is not "holds".
int rank(const KillSwitchReport& kill_switch) {
  const auto& state = kill_switch.state;
  if (state == "failed") return 5;
  if (state == "changed" || (state == "off" && kill_switch.mode == "armed")) return 4;
  if (state == "off") return 0;
  return state == "armed" ? 1 : 3;
}

int rank(const RulesetReport& ruleset) { return ruleset.verdict == "holds" ? 0 : ruleset.verdict == "lets_out" ? 2 : 1; }

/// Who saw packets leave tells most; of those who saw none, one that could not look, for its nothing is none.
std::pair<int, std::uint64_t> rank(const LeakReport& leak) {
  if (!leak.counting) return {1, 0};
  return leak.packets > 0 ? std::pair{2, leak.packets} : std::pair{0, std::uint64_t{0}};
}

template <typename Part>
void take_worse(BoxedOptional<Part>& known, const BoxedOptional<Part>& other) {
  if (other && (!known || rank(*other) > rank(*known))) known = other;
}

/// What only some probes of a group look at.
void add_worst_parts(const std::vector<const ClientState*>& members, Report& report) {
  for (const auto* member : members) {
    if (!sees(*member)) continue;
    take_worse(report.leak, member->last_report.leak);
    take_worse(report.kill_switch, member->last_report.kill_switch);
    take_worse(report.ruleset, member->last_report.ruleset);
  }
}

ClientState state_of_group(const std::string& group, const ClientState* before, GroupVerdict verdict,
                           const std::vector<const ClientState*>& members, WallTime now) {
  ClientState after;
  after.client_id = group_client_id(group);
  after.state = verdict.state;
  after.findings = std::move(verdict.findings);
  after.members = std::move(verdict.members);
  after.first_seen = before != nullptr ? before->first_seen : now;
  after.known_address = common_address(members);
  const bool any_sees = std::ranges::any_of(members, [](const ClientState* member) { return sees(*member); });
  for (const auto* member : members) {
    after.last_seen = std::max(after.last_seen, member->last_seen);
    // As long as somebody who sees is heard; a blind member's lease is no proof.
    const bool counts = any_sees ? sees(*member) : member->state != State::offline;
    if (counts) after.lease_deadline = std::max(after.lease_deadline, member->lease_deadline);
  }
  if (after.state == State::offline) {
    after.lease_deadline = after.last_seen;
    after.state_before_offline = before == nullptr                 ? std::nullopt
                                 : before->state == State::offline ? before->state_before_offline
                                                                   : std::optional(before->state);
  }
  after.since = before != nullptr && before->state == after.state ? before->since : now;
  auto& report = after.last_report;
  report.client_id = after.client_id;
  report.timestamp = after.last_seen;
  report.state = after.state;
  if (!after.known_address.empty()) report.public_ip = after.known_address;
  add_worst_parts(members, report);
  return after;
}

Change::Kind kind_of(const ClientState* before, const ClientState& after) {
  if (before == nullptr) return Change::Kind::connected;
  if (before->state == after.state) return Change::Kind::state_changed;
  if (before->state == State::offline) return Change::Kind::came_back;
  return after.state == State::offline ? Change::Kind::went_offline : Change::Kind::state_changed;
}

Change change_between(const ClientState* before, const ClientState& after, WallTime now) {
  Change change;
  change.kind = kind_of(before, after);
  change.client_id = after.client_id;
  if (before != nullptr) {
    change.from = before->state;
    change.previous_lasted = std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(now - before->since));
  }
  change.to = after.state;
  change.at = now;
  change.noticed = now;
  change.client = after;
  return change;
}

}  // namespace

void Groups::rebuild(const Fleet& fleet) {
  group_of_.clear();
  members_.clear();
  again_.clear();
  disagrees_since_.clear();
  emptied_.clear();
  std::set<std::string> affected;
  for (const auto& [client_id, client] : fleet.clients()) note(client_id, client->last_report.group, affected);
  // Whatever changed while nobody looked is found at once.
  for (const auto& group : affected) again_[group] = WallTime{};
  for (const auto& [client_id, client] : fleet.clients()) {
    if (!client->is_group()) continue;
    // One that is left without members goes, too.
    again_.try_emplace(client_id.substr(group_client_id({}).size()), WallTime{});
    const auto told = std::ranges::find(client->findings, "group_disagrees", &Finding::code);
    if (told != client->findings.end()) disagrees_since_[client_id] = told->since;
  }
}

void Groups::forget(const std::vector<std::string>& client_ids) {
  std::set<std::string> affected;
  for (const auto& client_id : client_ids) note(client_id, {}, affected);
  for (const auto& group : affected) again_[group] = WallTime{};
}

std::set<std::string> Groups::members_of(const std::string& group) const {
  const auto found = members_.find(group);
  return found == members_.end() ? std::set<std::string>() : found->second;
}

void Groups::note(const std::string& client_id, const std::string& group, std::set<std::string>& affected) {
  const auto known = group_of_.find(client_id);
  if (known != group_of_.end() && known->second != group) {
    affected.insert(known->second);
    members_[known->second].erase(client_id);
    group_of_.erase(known);
  }
  if (group.empty() || (!members_.contains(group) && members_.size() >= most_groups)) return;
  affected.insert(group);
  group_of_[client_id] = group;
  members_[group].insert(client_id);
}

std::vector<Change> Groups::judge(Fleet& fleet, std::set<std::string>& touched, WallTime now) {
  std::set<std::string> affected;
  for (const auto& client_id : touched) {
    const auto* client = fleet.find(client_id);
    note(client_id, client == nullptr ? std::string() : client->last_report.group, affected);
  }
  for (const auto& [group, when] : again_) {
    if (when <= now) affected.insert(group);
  }
  std::vector<Change> changes;
  for (const auto& group : affected) {
    if (auto change = judge_one(fleet, group, now)) changes.push_back(std::move(*change));
    if (fleet.find(group_client_id(group)) != nullptr) touched.insert(group_client_id(group));
  }
  return changes;
}

std::optional<Change> Groups::judge_one(Fleet& fleet, const std::string& group, WallTime now) {
  again_.erase(group);
  std::vector<const ClientState*> members;
  for (const auto& member_id : members_[group]) {
    if (const auto* member = fleet.find(member_id)) members.push_back(member);
  }
  const auto client_id = group_client_id(group);
  const auto* before = fleet.find(client_id);
  if (members.empty()) {
    members_.erase(group);
    disagrees_since_.erase(client_id);
    if (before != nullptr) emptied_.push_back(client_id);
    fleet.forget(client_id);
    return std::nullopt;
  }
  const auto known = disagrees_since_.find(client_id);
  const auto since = known == disagrees_since_.end() ? std::nullopt : std::optional(known->second);
  auto verdict = judge_group(rules_.of(group), members, now, since);
  // That somebody is silent may have to wait (it is shown, see Display); what those who are heard see does not.
  auto heard = judge_heard(rules_.of(group), members, now, since);
  if (heard.state >= State::contained && heard.state != State::offline && heard.state > verdict.state) verdict = std::move(heard);
  disagrees_since_.erase(client_id);
  if (verdict.disagrees_since) disagrees_since_[client_id] = *verdict.disagrees_since;
  if (verdict.again) again_[group] = *verdict.again;
  auto after = state_of_group(group, before, std::move(verdict), members, now);
  after.rule = to_string(rules_.of(group));
  const bool changed = before == nullptr || before->state != after.state;
  auto news = changed || after.state == State::offline ? std::vector<std::string>() : codes_that_came(*before, after);
  auto change = changed || !news.empty() ? std::optional(change_between(before, after, now)) : std::nullopt;
  if (change) change->news = std::move(news);
  fleet.put_group(std::move(after));
  return change;
}

std::optional<WallTime> Groups::next_alarm() const {
  std::optional<WallTime> next;
  for (const auto& [group, when] : again_) next = next ? std::min(*next, when) : when;
  return next;
}

}  // namespace vpn_sentinel
