#include "hub/state/fleet.hpp"

#include <algorithm>

#include "hub/state/clock_skew.hpp"
#include "hub/state/exit_paths.hpp"
#include "hub/state/known_exit.hpp"
#include "hub/state/late_report.hpp"
#include "hub/state/order.hpp"
#include "hub/state/twin.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

bool ends_on_purpose(const Report& report) { return report.trigger == "stop"; }

milliseconds length(WallTime from, WallTime to) { return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(to - from)); }

/// The moment on the hub's clock at which the report was true.
WallTime true_at(const Admitted& admitted) { return admitted.received - age_when_sent(admitted.report); }

/// The Python original's findings are derived anew from every report: one that was there before goes on.
std::vector<Finding> findings_of(const Report& report, const ClientState* before) {
  auto findings = report.findings;
  if (report.schema != 1 || before == nullptr) return findings;
  for (auto& finding : findings) {
    for (const auto& old : before->findings) {
      if (old.code == finding.code) finding.since = std::min(finding.since, old.since);
    }
  }
  return findings;
}

/// A state that got worse began with the finding that made it so; one that got better began with the report that said so.
WallTime beginning(const ClientState* before, const ClientState& after, WallTime time) {
  if (before != nullptr && before->state == after.state) return before->since;
  const bool was_judged = before != nullptr && before->state != State::offline;
  if (was_judged && after.state < before->state) return time;
  auto began = time;
  for (const auto& finding : after.findings) {
    const bool decides = static_cast<State>(finding.severity) == after.state && finding.since != WallTime{};
    if (decides) began = std::min(began, finding.since);
  }
  return was_judged ? std::clamp(began, std::min(before->since, time), time) : began;
}

Change change_to(Change::Kind kind, const ClientState& after, const Admitted& admitted) {
  Change change;
  change.kind = kind;
  change.client_id = after.client_id;
  change.to = after.state;
  change.at = time_of(admitted);
  change.noticed = admitted.received;
  change.client = after;
  return change;
}

Change::Kind kind_of(const ClientState& before, const ClientState& after, bool moved) {
  if (before.state == State::offline) return Change::Kind::came_back;
  if (after.state == State::offline) return Change::Kind::went_offline;
  return moved && before.state == after.state ? Change::Kind::address_changed : Change::Kind::state_changed;
}

/// A Python client is a warning from its first report to its last, so a DNS leak that begins or ends would change no state.
bool finding_changed_in_standing_warning(const ClientState& before, const ClientState& after) {
  return after.last_report.schema == 1 && before.state == after.state &&
         !std::ranges::is_permutation(before.findings, after.findings, {}, &Finding::code, &Finding::code);
}

/// What a client that stays silent has been through meanwhile; no sign of life.
std::vector<Change> past_changes(const ClientState* before, const ClientState& after, const Admitted& admitted) {
  const auto from = before != nullptr ? before->state_before_offline : std::nullopt;
  const auto to = after.state_before_offline.value_or(State::warning);
  if (ends_on_purpose(admitted.report) || from.value_or(State::secure) == to) return {};
  auto change = change_to(Change::Kind::state_changed, after, admitted);
  change.past = true;
  change.from = from;
  change.to = to;
  return {std::move(change)};
}

std::vector<Change> changes_between(const ClientState* before, const ClientState& after, const Admitted& admitted) {
  const bool was_silent = before == nullptr || before->state == State::offline;
  if (was_silent && after.state == State::offline) return past_changes(before, after, admitted);
  if (before == nullptr) return {change_to(Change::Kind::connected, after, admitted)};
  const bool moved = !is_known_exit_of_twin(*before, admitted) && known_exit(before, admitted.report).moved;
  std::vector<std::string> news;
  if (before->state == after.state && !moved && !finding_changed_in_standing_warning(*before, after)) {
    news = codes_that_came(*before, after);
    if (news.empty()) return {};
  }
  auto change = change_to(kind_of(*before, after, moved), after, admitted);
  change.news = std::move(news);
  change.from = before->state;
  if (moved) change.previous_address = before->known_address;
  // Silence lasted until the hub heard again, whatever time the report is about.
  const bool new_state = before->state != after.state;
  change.previous_lasted = length(before->since, was_silent ? admitted.received : new_state ? after.since : change.at);
  return {std::move(change)};
}

}  // namespace

std::chrono::seconds Fleet::lease_of(const Report& report) const {
  return report.lease_s ? std::chrono::seconds{*report.lease_s} : policy_.default_lease;
}

milliseconds Fleet::patience_with(const Report& report) const { return lease_of(report) + policy_.lease_grace; }

std::chrono::seconds Fleet::grace_of(const Report& report) const {
  return std::max(policy_.restart_grace, std::min(lease_of(report), policy_.default_lease));
}

/// What a hub listened to a silent client in vain, in this run or another, is no chance that he still has to get.
std::chrono::microseconds Fleet::grace_left(const ClientState& client) const {
  using std::chrono::microseconds;
  const auto& report = client.last_report;
  const microseconds grace = grace_of(report);
  const microseconds in_vain = listened_ - client.heard_after.value_or(listened_) - patience_with(report);
  return std::clamp(grace - in_vain, microseconds{0}, grace);
}

ClientState Fleet::after_report(const ClientState* before, const Admitted& admitted) const {
  const auto& report = admitted.report;
  const auto time = time_of(admitted);
  const bool was_silent = before == nullptr || before->state == State::offline;
  ClientState after;
  after.client_id = report.client_id;
  after.first_seen = before != nullptr ? before->first_seen : admitted.received;
  // The shared key has no name: nor has the key of a client that was stored before keys were noted.
  after.key = before != nullptr && !before->key.empty() ? before->key : admitted.key;
  after.last_seen = true_at(admitted);
  after.source_address = admitted.source_address;
  after.last_report = report;
  after.known_address = known_exit(before, report).address;
  if (before != nullptr) after.retired_boots = retire_boot(*before, report);
  if (ends_on_purpose(report) && leave_to_twins(before, admitted, after)) {
    after.since = beginning(before, after, time);
    after.heard_after = listened_;
    after.paths = before->paths;
    return after;
  }
  if (ends_on_purpose(report)) {
    const auto last_state = before != nullptr && before->state == State::offline ? before->state_before_offline
                            : before != nullptr                                  ? std::optional(before->state)
                                                                                 : report.state;
    after.state = State::offline;
    after.state_before_offline = last_state;
    after.findings = {hub_finding("probe_stopped", time, {{"last_seen", to_rfc3339(after.last_seen)}})};
    after.lease_deadline = after.last_seen;
  } else {
    after.state = believed_state(report);
    after.findings = findings_of(report, before);
    after.lease_deadline = after.last_seen + patience_with(report);
  }
  note_clock(before, admitted, after);
  note_exit_paths(before, admitted, policy_.public_addresses, after);
  if (before != nullptr && !ends_on_purpose(report)) note_twins(*before, admitted, after);
  after.heard_after = after.lease_deadline > admitted.received || before == nullptr ? listened_ : before->heard_after;
  if (was_silent && !ends_on_purpose(report) && age_when_sent(report) > lease_of(report)) {
    after = still_silent(before, after);
  } else {
    after.since = beginning(before, after, time);
  }
  return after;
}

/// A report that waited longer than its lease says what was, not what is.
ClientState Fleet::still_silent(const ClientState* before, const ClientState& reported) {
  auto after = gone_silent(reported);
  if (before != nullptr) after.since = before->since;
  after.findings.front().since = after.since;
  return after;
}

ClientRoom::Verdict Fleet::room_for(const Admitted& admitted) const {
  return clients_.contains(admitted.report.client_id) ? ClientRoom::Verdict::free : room_.look(admitted.key);
}

std::optional<ClientState> Fleet::preview(const Admitted& admitted) const {
  const auto* before = find(admitted.report.client_id);
  if (before != nullptr && !is_newer(admitted.report, admitted.received, *before)) return std::nullopt;
  return after_report(before, admitted);
}

std::vector<Change> Fleet::apply(const Admitted& admitted) {
  const auto* before = find(admitted.report.client_id);
  if (before != nullptr && !is_newer(admitted.report, admitted.received, *before)) return {};
  // Made where it stays: a state has some sixty members, each of which costs when it moves.
  const Snapshot after(new ClientState(after_report(before, admitted)));
  auto changes = changes_between(before, *after, admitted);
  if (after->lease_deadline > admitted.received) leases_.heard(after->client_id);
  put(after);
  return changes;
}

std::vector<Change> Fleet::expire(WallTime now) {
  std::vector<Change> changes;
  for (const auto& client_id : leases_.due(now)) {
    const auto held = clients_.at(client_id);
    const auto& before = *held;
    Change change;
    change.kind = Change::Kind::went_offline;
    change.client_id = before.client_id;
    change.from = before.state;
    change.to = State::offline;
    change.at = before.lease_deadline;
    change.noticed = now;
    change.previous_lasted = length(before.since, before.lease_deadline);
    change.client = put(gone_silent(before));
    changes.push_back(std::move(change));
  }
  return changes;
}

void Fleet::restore(std::vector<ClientState> clients, WallTime now) {
  for (auto& client : clients) {
    const bool has_lease = client.state != State::offline && !client.is_group();
    if (has_lease) client.lease_deadline = std::min(client.lease_deadline, now + patience_with(client.last_report));
    client.heard_after = std::min(client.heard_after.value_or(listened_), listened_);
    keep_twins(client, now, patience_with(client.last_report));
    put(std::move(client));
  }
  grant_grace(now);
}

void Fleet::tried(const std::string& client_id) {
  const auto found = clients_.find(client_id);
  if (found == clients_.end()) return;
  auto client = *found->second;
  client.heard_after = listened_;
  found->second = std::make_shared<const ClientState>(std::move(client));
}

void Fleet::grant_grace(WallTime now) {
  for (const auto& [client_id, client] : clients_) {
    if (!client->is_group()) leases_.grant(client_id, now + grace_left(*client));
  }
}

void Fleet::shift_leases(std::chrono::microseconds by, WallTime now) {
  for (auto& [client_id, place] : clients_) {
    if (place->state == State::offline) continue;
    auto client = *place;
    client.lease_deadline += by;
    if (!client.is_group()) client.lease_deadline = std::min(client.lease_deadline, now + patience_with(client.last_report));
    client.clock_measured += by;
    for (auto& twin : client.twins) {
      twin.lease_deadline += by;
      twin.shown_until += by;
    }
    before_.try_emplace(client_id, place);
    place = std::make_shared<const ClientState>(client);
    if (client.is_group()) continue;
    leases_.set(client_id, client.lease_deadline);
    if (const auto grace = leases_.grace(client_id)) leases_.grant(client_id, std::min(*grace + by, now + grace_of(client.last_report)));
  }
}

Fleet::Snapshot Fleet::before(const std::string& client_id) const {
  const auto found = before_.find(client_id);
  return found == before_.end() ? snapshot(client_id) : found->second;
}

void Fleet::take_back() {
  const auto before = std::exchange(before_, {});
  for (const auto& [client_id, client] : before) {
    if (client) {
      put(client);
    } else {
      forget(client_id);
    }
  }
  before_.clear();
}

void Fleet::forget(const std::string& client_id) {
  leases_.erase(client_id);
  const auto found = clients_.find(client_id);
  if (found == clients_.end()) return;
  if (!found->second->is_group()) room_.remove(found->second->key);
  before_.try_emplace(client_id, found->second);
  clients_.erase(found);
}

std::vector<std::string> Fleet::offline_since(WallTime before, std::size_t most) const {
  std::vector<std::string> client_ids;
  for (const auto& [client_id, client] : clients_) {
    if (client_ids.size() == most) break;
    if (client->state == State::offline && std::max(client->since, client->last_seen) < before) client_ids.push_back(client_id);
  }
  return client_ids;
}

const ClientState* Fleet::find(const std::string& client_id) const {
  const auto found = clients_.find(client_id);
  return found == clients_.end() ? nullptr : found->second.get();
}

Fleet::Snapshot Fleet::snapshot(const std::string& client_id) const {
  const auto found = clients_.find(client_id);
  return found == clients_.end() ? nullptr : found->second;
}

const ClientState& Fleet::put(Snapshot client) {
  if (client->state == State::offline || client->is_group()) {
    leases_.erase(client->client_id);
  } else {
    leases_.set(client->client_id, client->lease_deadline);
  }
  auto& place = clients_[client->client_id];
  before_.try_emplace(client->client_id, place);
  if (!client->is_group() && (!place || place->key != client->key)) {
    if (place) room_.remove(place->key);
    room_.add(client->key);
  }
  place = std::move(client);
  return *place;
}

}  // namespace vpn_sentinel
