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
      bytes_ -= items_.at(*client.keepalive).bytes;
      items_.erase(*client.keepalive);
    }
    client.keepalive = id;
    keepalives_.insert(id);
  }
  bytes_ += item.bytes;
  items_.emplace(id, std::move(item));
  while (items_.size() > bounds_.items || bytes_ > bounds_.bytes) {
    // A keepalive is only news as long as it is new; when none is left, the item with the smallest id is the oldest change.
    drop(keepalives_.empty() ? items_.begin()->first : *keepalives_.begin(), gone);
  }
  return gone;
}

std::vector<WaitingItems::Id> WaitingItems::expire(MonoTime now) {
  std::vector<Id> gone;
  while (!items_.empty() && now - items_.begin()->second.since > bounds_.age) drop(items_.begin()->first, gone);
  return gone;
}

void WaitingItems::drop(Id id, std::vector<Id>& gone) {
  erase(id);
  ++dropped_;
  gone.push_back(id);
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
  bytes_ -= item->second.bytes;
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

std::vector<const OutboxItem*> WaitingItems::front_changes(std::string_view client_id, std::size_t most, std::size_t most_bytes) const {
  std::vector<const OutboxItem*> items;
  const auto* const client = find(client_id);
  if (!client) return items;
  std::size_t bytes = 0;
  for (const Id id : client->changes) {
    const auto& item = items_.at(id);
    bytes += item.bytes;
    if (items.size() == most || (!items.empty() && bytes > most_bytes)) break;
    items.push_back(&item);
  }
  return items;
}

std::vector<std::string> WaitingItems::clients() const {
  std::vector<std::string> names;
  names.reserve(clients_.size());
  for (const auto& [name, client] : clients_) names.push_back(name);
  return names;
}

}  // namespace vpn_sentinel
