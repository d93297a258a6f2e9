/// The current states for readers on any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

class Board {
 public:
  using Snapshot = std::shared_ptr<const ClientState>;

  void show(const std::vector<Snapshot>& clients) {
    const std::lock_guard lock(mutex_);
    for (const auto& client : clients) clients_[client->client_id] = client;
  }

  /// Sorted by client id.
  [[nodiscard]] std::vector<Snapshot> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Snapshot> clients;
    clients.reserve(clients_.size());
    for (const auto& [client_id, client] : clients_) clients.push_back(client);
    return clients;
  }

  /// Null: unknown.
  [[nodiscard]] Snapshot find(const std::string& client_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_id);
    return found == clients_.end() ? nullptr : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Snapshot> clients_;
};

}  // namespace vpn_sentinel
