/// What waits for the engine's thread. All of it is taken at once: the commit in progress is the batching window.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

struct WaitingReport {
  Admitted admitted;
  std::function<void(SubmitResult)> done;
};

struct AlertResult {
  std::int64_t id = 0;
  bool delivered = false;
  std::string reason;
  bool give_up = false;
};

struct Work {
  std::vector<WaitingReport> reports;
  std::vector<StoredAlert> alerts;
  std::vector<AlertResult> results;

  [[nodiscard]] bool empty() const { return reports.empty() && alerts.empty() && results.empty(); }
};

class WorkQueue {
 public:
  explicit WorkQueue(std::size_t most_reports) : most_reports_(most_reports) {}

  /// False: the list is full, or the queue is closed.
  bool push(WaitingReport&& report);
  bool push(StoredAlert&& alert);
  bool push(AlertResult&& result);

  /// Everything that waits; waits itself for at most `pause` when there is nothing.
  Work take(std::chrono::microseconds pause);
  /// A list that was taken and is done with: what waits next uses its memory, instead of growing and moving step by step.
  void give_back(std::vector<WaitingReport> reports);
  /// Nothing more is accepted; what waits is still taken.
  void close();
  [[nodiscard]] bool closed() const;

 private:
  template <typename T>
  bool push(std::vector<T> Work::*list, T&& item, std::size_t most);

  const std::size_t most_reports_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  Work work_;
  std::vector<WaitingReport> spare_;
  bool closed_ = false;
};

}  // namespace vpn_sentinel
