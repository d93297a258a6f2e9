/// What live listeners hear: first a snapshot of all clients, then every change at once, and the latest state of clients that merely
/// reported again, gathered for a moment. Nothing between snapshot and stream is lost, and no client ever goes back in time.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "hub/live/broker.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/client_texts.hpp"
#include "hub/state/snapshot_map.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// Messages, one JSON object each:
///   {"type":"snapshot","server_time":…,"clients":[…]}   once, first
///   {"type":"change",…}                                 to_json(Change) plus server_time
///   {"type":"client","server_time":…,"client":{…}}      the latest state of a client, when there is no change to tell
///   {"type":"removed","server_time":…,"client_id":…}    a client that the hub has forgotten
///   {"type":"heartbeat","server_time":…}                so that a page can tell a quiet hub from a dead connection
class LiveFeed {
 public:
  explicit LiveFeed(Broker& broker) : broker_(broker) {}

  /// What the engine knew at its start; a state that came in meanwhile is newer and stays.
  void restore(const std::vector<std::shared_ptr<const ClientState>>& clients);
  /// After a commit, on the engine's thread.
  void committed(const std::vector<Change>& changes, const std::vector<std::shared_ptr<const ClientState>>& touched);
  /// Clients that are known no longer.
  void removed(const std::vector<std::string>& client_ids, WallTime now);
  /// Sends what was gathered; call about ten times per second. Returns how many clients that were.
  std::size_t flush(WallTime now);
  void heartbeat(WallTime now);

  /// The first message is the snapshot. Any thread.
  [[nodiscard]] std::unique_ptr<Broker::Subscription> join(Broker::Sink sink, WallTime now);

 private:
  Broker& broker_;
  std::mutex mutex_;  // held while publishing, so that the order of messages is the order of states
  SnapshotMap clients_;
  ClientTexts texts_;
  std::set<std::string> gathered_;  // whose latest state is still to be told; empty while nobody listens
};

}  // namespace vpn_sentinel
