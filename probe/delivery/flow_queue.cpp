#include "probe/delivery/flow_queue.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

void FlowQueue::push(FlowBatch batch) {
  batch.gaps.batches += std::exchange(given_up_[batch.client_id], 0);
  rows_ += batch.flows.size();
  batches_.push_back(std::move(batch));
  make_room();
}

void FlowQueue::make_room() {
  while (batches_.size() > most_batches || (rows_ > most_rows && batches_.size() > 1)) {
    const auto& oldest = batches_.front();
    rows_ -= oldest.flows.size();
    // What it would have told of earlier ones is told by the next.
    given_up_[oldest.client_id] += 1 + oldest.gaps.batches;
    ++dropped_;
    batches_.pop_front();
  }
}

std::optional<FlowBatch> FlowQueue::take() {
  const auto found = std::ranges::find_if(batches_, [this](const FlowBatch& batch) { return !under_way_.contains(batch.client_id); });
  if (found == batches_.end()) return std::nullopt;
  auto batch = std::move(*found);
  batches_.erase(found);
  rows_ -= batch.flows.size();
  under_way_.insert(batch.client_id);
  return batch;
}

void FlowQueue::done(FlowBatch batch, bool kept) {
  under_way_.erase(batch.client_id);
  if (!kept) return;
  rows_ += batch.flows.size();
  batches_.push_front(std::move(batch));
  make_room();
}

void FlowQueue::forget(const std::string& client_id) {
  std::erase_if(batches_, [&](const FlowBatch& batch) {
    if (batch.client_id != client_id) return false;
    rows_ -= batch.flows.size();
    return true;
  });
  given_up_.erase(client_id);
}

}  // namespace vpn_sentinel
