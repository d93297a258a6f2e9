/// How many alerts of each channel are under way: one that is down for a day must not fill the memory, nor hold up the others. What waits
/// beyond the bound stays in the store and follows in order as results come in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/store/store.hpp"

namespace vpn_sentinel {

class AlertFlow {
 public:
  /// Of one channel.
  static constexpr std::size_t most_under_way = 1'000;

  /// What may be handed on now; the rest is left to refill().
  std::vector<StoredAlert> admit(std::vector<StoredAlert> alerts) {
    std::vector<StoredAlert> admitted;
    for (auto& alert : alerts) {
      auto& lane = lanes_[alert.channel];
      lane.behind = lane.behind || lane.under_way >= most_under_way;
      if (lane.behind) continue;
      note(lane, alert);
      admitted.push_back(std::move(alert));
    }
    return admitted;
  }

  /// It was delivered or given up.
  void finished(std::int64_t id) {
    const auto found = channel_of_.find(id);
    if (found == channel_of_.end()) return;
    --lanes_[found->second].under_way;
    channel_of_.erase(found);
  }

  /// The next ones from the store, of channels where there is room again.
  [[nodiscard]] Result<std::vector<StoredAlert>> refill(Store& store) {
    std::vector<StoredAlert> alerts;
    for (auto& [channel, lane] : lanes_) {
      if (!lane.behind || lane.under_way > most_under_way / 2) continue;
      auto more = load(store, channel, lane);
      if (!more) return more;
      alerts.insert(alerts.end(), std::make_move_iterator(more->begin()), std::make_move_iterator(more->end()));
    }
    return alerts;
  }

  /// What waited when the hub started.
  [[nodiscard]] Result<std::vector<StoredAlert>> load(Store& store) {
    const auto channels = store.load_pending_channels();
    if (!channels) return fail(channels.error());
    for (const auto& channel : *channels) lanes_[channel].behind = true;
    return refill(store);
  }

 private:
  struct Lane {
    std::size_t under_way = 0;
    std::int64_t last_id = 0;
    bool behind = false;
  };

  Result<std::vector<StoredAlert>> load(Store& store, const std::string& channel, Lane& lane) {
    const auto room = most_under_way - lane.under_way;
    auto alerts = store.load_pending_alerts(channel, lane.last_id, room);
    if (!alerts) return alerts;
    lane.behind = alerts->size() >= room;
    for (const auto& alert : *alerts) note(lane, alert);
    return alerts;
  }

  void note(Lane& lane, const StoredAlert& alert) {
    ++lane.under_way;
    lane.last_id = std::max(lane.last_id, alert.id);
    channel_of_.emplace(alert.id, alert.channel);
  }

  std::map<std::string, Lane> lanes_;
  std::unordered_map<std::int64_t, std::string> channel_of_;  ///< of those under way
};

}  // namespace vpn_sentinel
