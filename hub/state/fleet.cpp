#include "hub/state/fleet.hpp"

#include <algorithm>

#include "hub/state/order.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// When the report was true.
WallTime time_of(const Admitted& admitted) { return admitted.report.timestamp.value_or(admitted.received); }

bool ends_on_purpose(const Report& report) { return report.trigger == "stop"; }

milliseconds length(WallTime from, WallTime to) { return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(to - from)); }

/// admit() always sets a state; without one nothing was judged, and what was not judged is not secure. A report that calls itself better
/// than its own findings is not believed.
State state_of_report(const Report& report) { return std::max(report.state.value_or(State::warning), state_of(report.findings)); }

Finding hub_finding(std::string_view code, WallTime since, nlohmann::json evidence) {
  const auto* text = find_text(code);
  return {std::string(code), text != nullptr ? text->severity : Severity::warning, since, std::move(evidence)};
}

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

Change::Kind kind_of(const ClientState& before, const ClientState& after) {
  if (before.state == State::offline) return Change::Kind::came_back;
  if (after.state == State::offline) return Change::Kind::went_offline;
  return before.state == after.state ? Change::Kind::address_changed : Change::Kind::state_changed;
}

std::vector<Change> changes_between(const ClientState* before, const ClientState& after, const Admitted& admitted) {
  if (before == nullptr) {
    if (after.state == State::offline) return {};  // Its first and last word: nothing to tell.
    return {change_to(Change::Kind::connected, after, admitted)};
  }
  const bool moved = !before->known_address.empty() && before->known_address != after.known_address;
  if (before->state == after.state && (after.state == State::offline || !moved)) return {};

  auto change = change_to(kind_of(*before, after), after, admitted);
  change.from = before->state;
  if (moved) change.previous_address = before->known_address;
  // Silence lasted until the hub heard again, whatever time the report is about.
  const bool was_silent = change.kind == Change::Kind::came_back;
  const bool new_state = change.kind == Change::Kind::state_changed;
  change.previous_lasted = length(before->since, was_silent ? admitted.received : new_state ? after.since : change.at);
  return {std::move(change)};
}

}  // namespace

std::chrono::seconds Fleet::lease_of(const Report& report) const {
  return report.lease_s ? std::chrono::seconds{*report.lease_s} : policy_.default_lease;
}

ClientState Fleet::after_report(const ClientState* before, const Admitted& admitted) const {
  const auto& report = admitted.report;
  const auto time = time_of(admitted);
  ClientState after;
  after.client_id = report.client_id;
  after.first_seen = before != nullptr ? before->first_seen : admitted.received;
  after.last_seen = admitted.received;
  after.source_address = admitted.source_address;
  after.last_report = report;
  after.known_address = report.public_ip.value_or(before != nullptr ? before->known_address : std::string());
  if (before != nullptr) after.retired_boots = retire_boot(*before, report);
  if (ends_on_purpose(report)) {
    const auto last_state = before != nullptr && before->state == State::offline ? before->state_before_offline
                            : before != nullptr                                  ? std::optional(before->state)
                                                                                 : report.state;
    after.state = State::offline;
    after.state_before_offline = last_state;
    after.findings = {hub_finding("probe_stopped", time, {{"last_seen", to_rfc3339(admitted.received)}})};
    after.lease_deadline = admitted.received;
  } else {
    after.state = state_of_report(report);
    after.findings = findings_of(report, before);
    after.lease_deadline = admitted.received + lease_of(report) + policy_.lease_grace;
  }
  after.since = beginning(before, after, time);
  return after;
}

std::vector<Change> Fleet::apply(const Admitted& admitted) {
  const auto found = clients_.find(admitted.report.client_id);
  const ClientState* before = found == clients_.end() ? nullptr : &found->second;
  if (before != nullptr && !is_newer(admitted.report, admitted.received, *before)) return {};
  auto after = after_report(before, admitted);
  auto changes = changes_between(before, after, admitted);
  put(std::move(after));
  return changes;
}

ClientState Fleet::gone_silent(const ClientState& before) const {
  auto after = before;
  after.state = State::offline;
  after.state_before_offline = before.state;
  after.since = before.lease_deadline;
  after.findings = {hub_finding("lease_expired", before.lease_deadline,
                                {{"last_seen", to_rfc3339(before.last_seen)}, {"lease_s", lease_of(before.last_report).count()}})};
  return after;
}

std::vector<Change> Fleet::expire(WallTime now) {
  std::vector<Change> changes;
  while (!leases_.empty() && leases_.begin()->first <= now) {
    const auto before = clients_.at(leases_.begin()->second);
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

std::vector<ClientState> Fleet::overdue(WallTime now) const {
  std::vector<ClientState> silent;
  for (const auto& [deadline, client_id] : leases_) {
    if (deadline > now) break;
    silent.push_back(gone_silent(clients_.at(client_id)));
  }
  return silent;
}

std::optional<WallTime> Fleet::next_deadline() const {
  if (leases_.empty()) return std::nullopt;
  return leases_.begin()->first;
}

void Fleet::restore(std::vector<ClientState> clients, WallTime now) {
  clients_.clear();
  for (auto& client : clients) {
    auto client_id = client.client_id;
    clients_.insert_or_assign(std::move(client_id), std::move(client));
  }
  grant_grace(now);
}

void Fleet::grant_grace(WallTime now) {
  for (auto& [client_id, client] : clients_) {
    if (client.state != State::offline) client.lease_deadline = std::max(client.lease_deadline, now + policy_.restart_grace);
  }
  index_leases();
}

void Fleet::shift_leases(std::chrono::microseconds by) {
  for (auto& [client_id, client] : clients_) {
    if (client.state != State::offline) client.lease_deadline += by;
  }
  index_leases();
}

void Fleet::reset(const std::string& client_id, std::optional<ClientState> state) {
  if (state) {
    put(std::move(*state));
    return;
  }
  if (const auto found = clients_.find(client_id); found != clients_.end()) {
    leases_.erase({found->second.lease_deadline, client_id});
    clients_.erase(found);
  }
}

const ClientState* Fleet::find(const std::string& client_id) const {
  const auto found = clients_.find(client_id);
  return found == clients_.end() ? nullptr : &found->second;
}

ClientState& Fleet::put(ClientState client) {
  auto& place = clients_[client.client_id];
  if (!place.client_id.empty()) leases_.erase({place.lease_deadline, place.client_id});
  if (client.state != State::offline) leases_.emplace(client.lease_deadline, client.client_id);
  place = std::move(client);
  return place;
}

void Fleet::index_leases() {
  leases_.clear();
  for (const auto& [client_id, client] : clients_) {
    if (client.state != State::offline) leases_.emplace(client.lease_deadline, client_id);
  }
}

}  // namespace vpn_sentinel
