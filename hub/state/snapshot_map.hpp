/// The newest snapshot of each client, sorted by client id. No threads.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// Each report finds its client by hash: in a tree of ten thousand it would meet fourteen others on its way, none of them in the cache.
class SnapshotMap {
 public:
  using Snapshot = std::shared_ptr<const ClientState>;
  using Sorted = std::map<std::string, Snapshot>;

  SnapshotMap() = default;
  SnapshotMap(const SnapshotMap&) = delete;  ///< places_ points into sorted_
  SnapshotMap& operator=(const SnapshotMap&) = delete;

  void set(const Snapshot& client) {
    const auto found = places_.find(client->client_id);
    if (found != places_.end()) {
      *found->second = client;
    } else {
      add(client);
    }
  }
  /// One that is there stays.
  void add(const Snapshot& client) {
    const auto [place, is_new] = sorted_.emplace(client->client_id, client);
    if (is_new) places_.emplace(place->first, &place->second);
  }
  void erase(const std::string& client_id) {
    places_.erase(client_id);
    sorted_.erase(client_id);
  }
  /// Null: unknown.
  [[nodiscard]] Snapshot find(std::string_view client_id) const {
    const auto found = places_.find(client_id);
    return found == places_.end() ? nullptr : *found->second;
  }
  [[nodiscard]] const Sorted& sorted() const noexcept { return sorted_; }

 private:
  Sorted sorted_;
  std::unordered_map<std::string_view, Snapshot*> places_;  ///< by the names in sorted_
};

}  // namespace vpn_sentinel
