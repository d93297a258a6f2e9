/// The current states for readers on any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/state/snapshot_map.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {

class Board {
 public:
  using Snapshot = SnapshotMap::Snapshot;

  void show(const std::vector<Snapshot>& clients) {
    const std::lock_guard lock(mutex_);
    for (const auto& client : clients) clients_.set(client);
  }

  void remove(const std::vector<std::string>& client_ids) {
    const std::lock_guard lock(mutex_);
    for (const auto& client_id : client_ids) clients_.erase(client_id);
  }

  /// As seen_at() `now`, sorted by client id: the clients, or their groups.
  [[nodiscard]] std::vector<Snapshot> all(WallTime now, bool groups) const {
    const std::lock_guard lock(mutex_);
    std::vector<Snapshot> clients;
    if (!groups) clients.reserve(clients_.sorted().size());
    for (const auto& [client_id, client] : clients_.sorted()) {
      if (client->is_group() == groups) clients.push_back(seen_at(client, now));
    }
    return clients;
  }

  /// Null: unknown.
  [[nodiscard]] Snapshot find(const std::string& client_id, WallTime now) const {
    const std::lock_guard lock(mutex_);
    return seen_at(clients_.find(client_id), now);
  }

 private:
  mutable std::mutex mutex_;
  SnapshotMap clients_;
};

}  // namespace vpn_sentinel
