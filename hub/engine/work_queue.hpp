/// What waits for the engine's thread. All of it is taken at once: the commit in progress is the batching window.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

struct WaitingReport {
  WaitingReport(Admitted&& report, std::function<void(SubmitResult)> when_known)
      : admitted(std::make_unique<Admitted>(std::move(report))), done(std::move(when_known)) {}
  WaitingReport(const Admitted& report, std::function<void(SubmitResult)> when_known)
      : WaitingReport(Admitted(report), std::move(when_known)) {}

  std::unique_ptr<Admitted> admitted;  ///< never null; it has some forty members, each of which costs when it moves
  std::function<void(SubmitResult)> done;
};

struct AlertResult {
  std::int64_t id = 0;
  bool delivered = false;
  std::string reason;
  bool give_up = false;
};

struct ForgetOrder {
  std::string client_id;
  std::function<void(const Result<bool>&)> done;
};

struct WaitingCare {
  CareOrder order;
  Engine::CareDone done;
};

struct Work {
  std::vector<WaitingReport> reports;
  std::vector<StoredAlert> alerts;
  std::vector<AlertResult> results;
  std::vector<ForgetOrder> orders;
  std::vector<WaitingCare> care;

  [[nodiscard]] bool empty() const { return reports.empty() && alerts.empty() && results.empty() && orders.empty() && care.empty(); }
};

class WorkQueue {
 public:
  explicit WorkQueue(std::size_t most_reports) : most_reports_(most_reports) {}

  /// False: the list is full, or the queue is closed.
  bool push(WaitingReport&& report);
  bool push(StoredAlert&& alert);
  bool push(AlertResult&& result);
  bool push(ForgetOrder&& order);
  bool push(WaitingCare&& care);

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
