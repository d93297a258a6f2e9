/// Flow batches that wait for the hub: in memory alone, few, the oldest goes when there is no room. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

class FlowQueue {
 public:
  static constexpr std::size_t most_batches = 256;
  /// Rows of all batches together, about 500 bytes each.
  static constexpr std::size_t most_rows = 20'000;

  /// Tells in it how many batches of its client were given up since the last one. What does not fit goes: the oldest first.
  void push(FlowBatch batch);
  /// The oldest batch of a client of whom none is under way, which is under way then. Batches of one client go in their order, one by one.
  [[nodiscard]] std::optional<FlowBatch> take();
  /// It was delivered, or the hub will never take it (`kept`: false), or it goes back to the front (`kept`: true) unless there is no room.
  void done(FlowBatch batch, bool kept);
  /// The hub will never take what was under way.
  void refused(const std::string& client_id) { ++given_up_[client_id]; }
  /// Nobody watches the client any more.
  void forget(const std::string& client_id);

  [[nodiscard]] std::size_t waiting() const noexcept { return batches_.size(); }
  /// Batches, ever.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  void make_room();

  std::deque<FlowBatch> batches_;
  std::size_t rows_ = 0;
  std::set<std::string> under_way_;                ///< clients
  std::map<std::string, std::uint64_t> given_up_;  ///< by client, not told yet
  std::uint64_t dropped_ = 0;
};

}  // namespace vpn_sentinel
