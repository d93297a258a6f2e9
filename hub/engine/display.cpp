#include "hub/engine/display.hpp"

#include <algorithm>
#include <utility>

#include "hub/state/group.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

/// Shown although nothing of them was ever stored: the names cost whoever sends them nothing.
constexpr std::size_t most_refused = 10'000;

}  // namespace

std::vector<ClientSnapshot> Display::show(const Fleet& fleet, const std::vector<ClientSnapshot>& stored, WallTime now) {
  std::vector<ClientSnapshot> views;
  views.reserve(stored.size());
  for (const auto& client : stored) views.push_back(look(fleet, client, now));
  return views;
}

Display::Turned Display::turn(const Fleet& fleet, WallTime now) {
  Turned turned;
  std::set<std::string> groups;
  const auto add = [&](const ClientState& client) {
    turned.clients.push_back(look(fleet, std::make_shared<const ClientState>(client), now));
    if (!client.last_report.group.empty()) groups.insert(group_client_id(client.last_report.group));
  };
  for (auto next = refused_.begin(); next != refused_.end();) {
    const auto client_id = next->first;
    const bool over = is_overdue(*next->second, now);
    next = over ? refused_.erase(next) : std::next(next);
    if (!over) continue;
    if (const auto* client = fleet.find(client_id)) {
      add(*client);
    } else {
      turned.removed.push_back(client_id);
    }
  }
  for (const auto& client_id : fleet.overdue(now)) {
    if (!silent_.contains(client_id) && !refused_.contains(client_id)) add(*fleet.find(client_id));
  }
  for (const auto& client_id : groups) {
    if (auto group = fleet.snapshot(client_id)) turned.clients.push_back(look(fleet, group, now));
  }
  return turned;
}

std::vector<ClientSnapshot> Display::refuse(const Fleet& fleet, const std::vector<WaitingReport>& reports, WallTime now) {
  std::map<std::string, ClientSnapshot> views;
  for (const auto& waiting : reports) {
    const bool is_new = fleet.find(waiting.admitted->report.client_id) == nullptr;
    if (is_new && (refused_.size() >= most_refused || fleet.room_for(*waiting.admitted) != ClientRoom::Verdict::free)) continue;
    auto reported = fleet.preview(*waiting.admitted);
    if (!reported || reported->state == State::offline || is_overdue(*reported, now)) continue;
    const auto client_id = reported->client_id;
    const auto refused = refused_.find(client_id);
    const auto* shown = refused != refused_.end() ? refused->second.get() : fleet.find(client_id);
    if (shown != nullptr && is_overdue(*shown, now)) shown = nullptr;
    const auto view = std::make_shared<const ClientState>(not_stored(std::move(*reported), shown, now));
    refused_[client_id] = view;
    views[client_id] = view;
    if (auto group = refuse_group(fleet, *view, now)) views[group->client_id] = std::move(group);
  }
  std::vector<ClientSnapshot> list;
  list.reserve(views.size());
  for (auto& [client_id, view] : views) list.push_back(std::move(view));
  return list;
}

/// At least as bad as what its member said: the rule is applied again once reports are stored.
ClientSnapshot Display::refuse_group(const Fleet& fleet, const ClientState& member, WallTime now) {
  if (member.last_report.group.empty()) return nullptr;
  const auto client_id = group_client_id(member.last_report.group);
  const auto refused = refused_.find(client_id);
  const auto* shown = refused != refused_.end() ? refused->second.get() : fleet.find(client_id);
  if (shown == nullptr) return nullptr;
  auto group = *shown;
  const bool silent = shown->state == State::offline || is_overdue(*shown, now);
  if (silent) shown = nullptr;
  group.lease_deadline = std::max(group.lease_deadline, member.lease_deadline);
  if (std::ranges::find(group.members, member.client_id, &GroupMember::client_id) == group.members.end()) {
    group.members.push_back({member.client_id, member.state, member.since, true});
  }
  if (silent || member.state > group.state) {
    group.state = member.state;
    group.since = now;
    group.findings = member.findings;
  }
  refused_[client_id] = std::make_shared<const ClientState>(not_stored(std::move(group), shown, now));
  return refused_view(fleet, refused_[client_id], now);
}

/// The members of a group as they are shown themselves: what one said, or that it is silent, must not look better beside the others.
ClientSnapshot Display::refused_view(const Fleet& fleet, const ClientSnapshot& refused, WallTime now) const {
  if (!refused->is_group()) return refused;
  auto group = *refused;
  for (auto& member : group.members) {
    const auto said = refused_.find(member.client_id);
    const auto* client = said != refused_.end() ? said->second.get() : fleet.find(member.client_id);
    if (client == nullptr) continue;
    const bool silent = is_overdue(*client, now);
    member.state = silent ? State::offline : client->state;
    member.since = silent ? client->lease_deadline : client->since;
  }
  return std::make_shared<const ClientState>(std::move(group));
}

void Display::stored(const std::vector<WaitingReport>& reports, const std::vector<SubmitResult>& results) {
  if (refused_.empty()) return;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    if (!is_kept(results[i])) continue;
    const auto& report = reports[i].admitted->report;
    refused_.erase(report.client_id);
    forget_group_of(report.group);
  }
}

/// As soon as nothing that its members said waits to be stored.
void Display::forget_group_of(const std::string& group) {
  const auto view = refused_.find(group_client_id(group));
  if (view == refused_.end()) return;
  const bool waits = std::ranges::any_of(refused_, [&](const auto& refused) { return refused.second->last_report.group == group; });
  if (!waits) refused_.erase(view);
}

void Display::forget(const std::vector<std::string>& client_ids) {
  for (const auto& client_id : client_ids) {
    refused_.erase(client_id);
    silent_.erase(client_id);
  }
}

ClientSnapshot Display::look(const Fleet& fleet, const ClientSnapshot& stored, WallTime now) {
  const auto& client_id = stored->client_id;
  silent_.erase(client_id);
  if (stored->state == State::offline) refused_.erase(client_id);
  if (const auto refused = refused_.find(client_id); refused != refused_.end()) {
    return refused_view(fleet, refused->second, now);
  }
  if (!is_overdue(*stored, now)) return stored->is_group() ? look_at_group(fleet, stored, now) : stored;
  silent_.insert(client_id);
  return std::make_shared<const ClientState>(gone_silent(*stored));
}

ClientSnapshot Display::look_at_group(const Fleet& fleet, const ClientSnapshot& group, WallTime now) {
  const auto rule = parse_group_rule(group->rule);
  std::vector<const ClientState*> members;
  for (const auto& member : group->members) {
    if (const auto* client = fleet.find(member.client_id)) members.push_back(client);
  }
  auto seen = rule ? group_seen_at(*group, *rule, members, now) : std::nullopt;
  return seen ? std::make_shared<const ClientState>(std::move(*seen)) : group;
}

}  // namespace vpn_sentinel
