#include "hub/state/active_flows.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

/// Whatever the client says: who is silent must not be connected for days.
WallTime end_of(const FlowBatch& batch) {
  const auto interval = std::min(std::chrono::seconds{batch.interval_s}, ActiveFlows::longest_interval);
  return batch.timestamp + interval + std::min((ActiveFlows::intervals - 1) * interval, ActiveFlows::longest_grace);
}

}  // namespace

void ActiveFlows::put(FlowBatch batch, WallTime now) {
  const auto time = batch.timestamp;
  const auto until = end_of(batch);
  if (until <= now) return;
  // What has ended is history.
  std::erase_if(batch.flows, [](const FlowRow& row) { return row.open == 0; });
  const auto shared = std::make_shared<const FlowBatch>(std::move(batch));
  const std::lock_guard lock(mutex_);
  remove_old(now);
  if (const auto known = seats_.find(shared->client_id); known != seats_.end()) {
    if (known->second.time > time) return;
    remove(known);
  }
  if (seats_.size() >= most_seats) {
    unseated_until_ = std::max(unseated_until_, by_end_.begin()->first);
    remove(seats_.find(by_end_.begin()->second));
  }
  const auto rows = shared->flows.size();
  const bool fits = make_room(rows);
  seats_[shared->client_id] = {fits ? shared : nullptr, time, until};
  by_end_.emplace(until, shared->client_id);
  if (!fits) return;
  by_rows_.emplace(rows, shared->client_id);
  rows_ += rows;
}

bool ActiveFlows::make_room(std::size_t rows) {
  while (rows_ + rows > most_rows && !by_rows_.empty() && by_rows_.rbegin()->first > rows) {
    remove_rows(seats_.find(by_rows_.rbegin()->second));
  }
  return rows_ + rows <= most_rows;
}

void ActiveFlows::remove_old(WallTime now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) remove(seats_.find(by_end_.begin()->second));
}

void ActiveFlows::remove(Seats::iterator seat) {
  remove_rows(seat);
  by_end_.erase({seat->second.until, seat->first});
  seats_.erase(seat);
}

void ActiveFlows::remove_rows(Seats::iterator seat) {
  if (!seat->second.batch) return;
  const auto rows = seat->second.batch->flows.size();
  by_rows_.erase({rows, seat->first});
  rows_ -= rows;
  seat->second.batch = nullptr;
}

std::vector<ActiveFlows::Batch> ActiveFlows::all(WallTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<Batch> batches;
  for (const auto& [client_id, seat] : seats_) {
    if (seat.batch && seat.until > now) batches.push_back(seat.batch);
  }
  return batches;
}

std::size_t ActiveFlows::left_out(WallTime now) const {
  const std::lock_guard lock(mutex_);
  const auto without_rows =
      std::ranges::count_if(seats_, [now](const auto& each) { return !each.second.batch && each.second.until > now; });
  return static_cast<std::size_t>(without_rows) + (unseated_until_ > now ? 1 : 0);
}

}  // namespace vpn_sentinel
