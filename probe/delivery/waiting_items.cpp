#include "probe/delivery/waiting_items.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

std::vector<WaitingItems::Id> WaitingItems::add(Id id, OutboxItem item) {
  std::vector<Id> gone;
  auto& client = clients_[item.report.client_id];
  if (item.is_change) {
    client.changes.push_back(id);
  } else {
    if (client.keepalive) {
      gone.push_back(*client.keepalive);
      keepalives_.erase(*client.keepalive);
      items_.erase(*client.keepalive);
    }
    client.keepalive = id;
    keepalives_.insert(id);
  }
  items_.emplace(id, std::move(item));
  while (items_.size() > most_) {
    // A keepalive is only news as long as it is new; when none is left, the item with the smallest id is the oldest change.
    const Id victim = keepalives_.empty() ? items_.begin()->first : *keepalives_.begin();
    erase(victim);
    ++dropped_;
    gone.push_back(victim);
  }
  return gone;
}

std::optional<WaitingItems::Id> WaitingItems::remove(std::string_view client_id, std::string_view boot_id, std::uint64_t seq) {
  const auto* const client = find(client_id);
  if (!client) return std::nullopt;
  const auto is_wanted = [&](Id id) {
    const auto& report = items_.at(id).report;
    return report.seq == seq && report.boot_id == boot_id;
  };
  std::optional<Id> found;
  if (client->keepalive && is_wanted(*client->keepalive)) found = client->keepalive;
  if (!found) {
    const auto change = std::ranges::find_if(client->changes, is_wanted);
    if (change != client->changes.end()) found = *change;
  }
  if (found) erase(*found);
  return found;
}

void WaitingItems::erase(Id id) {
  const auto item = items_.find(id);
  const auto client = clients_.find(item->second.report.client_id);
  std::erase(client->second.changes, id);
  if (client->second.keepalive == id) client->second.keepalive.reset();
  if (client->second.changes.empty() && !client->second.keepalive) clients_.erase(client);
  keepalives_.erase(id);
  items_.erase(item);
}

const WaitingItems::OneClient* WaitingItems::find(std::string_view client_id) const {
  const auto found = clients_.find(client_id);
  return found == clients_.end() ? nullptr : &found->second;
}

const OutboxItem* WaitingItems::front(std::string_view client_id) const {
  const auto* const client = find(client_id);
  if (!client) return nullptr;
  if (client->changes.empty()) return keepalive(client_id);
  if (!client->keepalive) return front_change(client_id);
  return &items_.at(std::min(client->changes.front(), *client->keepalive));
}

const OutboxItem* WaitingItems::front_change(std::string_view client_id) const {
  const auto* const client = find(client_id);
  return client && !client->changes.empty() ? &items_.at(client->changes.front()) : nullptr;
}

const OutboxItem* WaitingItems::keepalive(std::string_view client_id) const {
  const auto* const client = find(client_id);
  return client && client->keepalive ? &items_.at(*client->keepalive) : nullptr;
}

std::vector<std::string> WaitingItems::clients() const {
  std::vector<std::string> names;
  names.reserve(clients_.size());
  for (const auto& [name, client] : clients_) names.push_back(name);
  return names;
}

}  // namespace vpn_sentinel
