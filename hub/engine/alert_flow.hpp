/// How many alerts are under way: a channel that is down for a day must not fill the memory. What waits beyond the bound stays in the
/// store and follows in order as results come in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hub/store/store.hpp"

namespace vpn_sentinel {

class AlertFlow {
 public:
  static constexpr std::size_t most_under_way = 1'000;

  /// What may be handed on now; the rest is left to refill().
  std::vector<StoredAlert> admit(std::vector<StoredAlert> alerts) {
    if (behind_ || under_way_ + alerts.size() > most_under_way) {
      behind_ = behind_ || !alerts.empty();
      return {};
    }
    note(alerts);
    return alerts;
  }

  void finished() { under_way_ -= std::min<std::size_t>(under_way_, 1); }

  /// The next ones from the store, when there is room again.
  [[nodiscard]] Result<std::vector<StoredAlert>> refill(Store& store) {
    if (!behind_ || under_way_ > most_under_way / 2) return std::vector<StoredAlert>();
    return load(store);
  }

  [[nodiscard]] Result<std::vector<StoredAlert>> load(Store& store) {
    const auto room = most_under_way - under_way_;
    auto alerts = store.load_pending_alerts(last_id_, room);
    if (!alerts) return alerts;
    behind_ = alerts->size() >= room;
    note(*alerts);
    return alerts;
  }

 private:
  void note(const std::vector<StoredAlert>& alerts) {
    under_way_ += alerts.size();
    if (!alerts.empty()) last_id_ = alerts.back().id;
  }

  std::size_t under_way_ = 0;
  std::int64_t last_id_ = 0;
  bool behind_ = false;
};

}  // namespace vpn_sentinel
