/// What is connected now: the newest batch of each client, as long as it counts. In memory alone. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

class ActiveFlows {
 public:
  /// Rows of all clients together, about 500 bytes each.
  static constexpr std::size_t most_rows = 100'000;
  /// Clients, about 4 KB each without their rows.
  static constexpr std::size_t most_seats = 10'000;
  /// A batch counts for so many of its intervals: one that is lost or late is no end of all connections.
  static constexpr int intervals = 3;
  /// The longest interval that a probe's settings allow, and how long after its interval a batch counts at most.
  static constexpr std::chrono::seconds longest_interval{3'600};
  static constexpr std::chrono::seconds longest_grace{600};

  using Batch = std::shared_ptr<const FlowBatch>;

  /// One that is older than what is known of its client, or too old to count, changes nothing. Without room for its rows, the client with
  /// most rows loses its own, if that one has more; without a seat, the batch that would end first goes.
  void put(FlowBatch batch, WallTime now);
  /// By client id.
  [[nodiscard]] std::vector<Batch> all(WallTime now) const;
  /// Clients whose newest batch there was no room for; those without a seat are one together.
  [[nodiscard]] std::size_t left_out(WallTime now) const;

 private:
  struct Seat {
    Batch batch;  ///< null: there was no room
    WallTime time{};
    WallTime until{};
  };
  using Seats = std::map<std::string, Seat>;
  void remove_old(WallTime now);
  void remove(Seats::iterator seat);
  void remove_rows(Seats::iterator seat);
  [[nodiscard]] bool make_room(std::size_t rows);

  mutable std::mutex mutex_;
  Seats seats_;
  std::set<std::pair<WallTime, std::string>> by_end_;
  std::set<std::pair<std::size_t, std::string>> by_rows_;  ///< those with a batch
  std::size_t rows_ = 0;
  WallTime unseated_until_{};
};

}  // namespace vpn_sentinel
