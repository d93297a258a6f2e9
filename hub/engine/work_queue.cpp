#include "hub/engine/work_queue.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_alerts = 1'000;
/// Ten times what can be under way. A lost result costs a second delivery after the next start, nothing worse.
constexpr std::size_t most_results = 10'000;
/// People give them, one at a time.
constexpr std::size_t most_orders = 100;
/// Of a list that is used again.
constexpr std::size_t most_spare = 1'000;

}  // namespace

template <typename T>
bool WorkQueue::push(std::vector<T> Work::*list, T&& item, std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || (work_.*list).size() >= most) return false;
    (work_.*list).push_back(std::forward<T>(item));
  }
  ready_.notify_one();
  return true;
}

bool WorkQueue::push(WaitingReport&& report) { return push(&Work::reports, std::move(report), most_reports_); }
bool WorkQueue::push(StoredAlert&& alert) { return push(&Work::alerts, std::move(alert), most_alerts); }
bool WorkQueue::push(AlertResult&& result) { return push(&Work::results, std::move(result), most_results); }
bool WorkQueue::push(ForgetOrder&& order) { return push(&Work::orders, std::move(order), most_orders); }
bool WorkQueue::push(WaitingCare&& care) { return push(&Work::care, std::move(care), most_orders); }

Work WorkQueue::take(std::chrono::microseconds pause) {
  std::unique_lock lock(mutex_);
  ready_.wait_for(lock, pause, [this] { return closed_ || !work_.empty(); });
  auto taken = std::exchange(work_, {});
  work_.reports = std::exchange(spare_, {});
  return taken;
}

void WorkQueue::give_back(std::vector<WaitingReport> reports) {
  reports.clear();
  if (reports.capacity() > most_spare) return;
  const std::lock_guard lock(mutex_);
  spare_ = std::move(reports);
}

void WorkQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_all();
}

bool WorkQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace vpn_sentinel
