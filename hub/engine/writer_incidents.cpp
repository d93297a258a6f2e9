// Incidents: opened, grown and closed by what a transaction brings.
#include <map>

#include "hub/engine/writer.hpp"

namespace vpn_sentinel {

Result<void> Writer::add_changes(Written& written, WallTime now) {
  std::map<std::string, const LeakStep*> of_group;
  auto next = leaks_.entries().begin();
  const auto end = leaks_.entries().end();
  const auto grow = [&](const LeakSteps::Entry& entry) {
    if (!entry.group.empty()) of_group[entry.group] = &entry.step;
    return grow_incidents(entry);
  };
  std::vector<Change> told;
  told.reserve(written.changes.size());
  for (std::size_t i = 0; i < written.changes.size(); ++i) {
    for (; next != end && !next->has_change && next->position <= i; ++next) {
      if (auto done = grow(*next); !done) return done;
    }
    auto& change = written.changes[i];
    // A group's change is made by the report of a member before it.
    const auto member = of_group.find(change.client_id);
    const auto* step = member == of_group.end() ? nullptr : member->second;
    const bool own = next != end && next->position == i;
    if (own) step = &next->step;
    if (!is_old_news(change)) {
      if (auto done = add_incident(change, step); !done) return done;
      if (auto done = add_change(change, now); !done) return done;
      told.push_back(std::move(change));
    }
    if (!own) continue;
    if (auto done = grow(*next++); !done) return done;
  }
  written.changes = std::move(told);
  for (; next != end; ++next) {
    if (auto done = grow(*next); !done) return done;
  }
  return see_incidents();
}

bool Writer::is_old_news(Change& change) const {
  if (change.news.empty()) return false;
  change.news = incidents_.unknown(change.client, change.news);
  return change.news.empty();
}

Result<void> Writer::add_incident(Change& change, const LeakStep* step) {
  remember_incident(change.client_id);
  const bool is_open = incidents_.find(change.client_id) != nullptr;
  auto incident = incidents_.apply(change, step);
  if (incident) {
    if (!is_open) add_exposure_of_members(change.client, *incident);
    change.exposed = exposed_until(*incident, change.noticed);
    change.leaked = total_of(incident->exposure);
  }
  return save_incident(std::move(incident));
}

/// What a member saw leave before the others agreed is part of what the group tells.
void Writer::add_exposure_of_members(const ClientState& group, Incident& incident) const {
  for (const auto& member : group.members) {
    if (const auto* open = incidents_.find(member.client_id)) join(incident.exposure, open->exposure);
  }
}

Result<void> Writer::grow_incidents(const LeakSteps::Entry& entry) {
  for (const auto& client_id : {entry.step.client_id, entry.group}) {
    const auto* known = incidents_.find(client_id);
    // Most who do not count never do: nothing is copied for what is known.
    if (known == nullptr || (entry.step.now == nullptr && known->exposure.gaps)) continue;
    remember_incident(client_id);
    if (auto done = save_incident(incidents_.grow(client_id, entry.step)); !done) return done;
  }
  return {};
}

Result<void> Writer::see_incidents() {
  for (const auto& client_id : touched_) {
    const auto* client = fleet_.find(client_id);
    if (client == nullptr) continue;  // a group that everybody has left within the transaction
    if (client->state == State::secure && incidents_.find(client_id) == nullptr) continue;
    remember_incident(client_id);
    if (auto done = save_incident(incidents_.see(*client)); !done) return done;
  }
  return {};
}

}  // namespace vpn_sentinel
