#include "hub/engine/flow_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hub/engine/read_thread.hpp"

namespace vpn_sentinel {
namespace {

/// After a failure, until the next try to write.
constexpr std::chrono::milliseconds trouble_pause{5'000};
/// So many rows are written at once, however short ago the last time was.
constexpr std::size_t worth_writing = 50'000;

/// What a batch takes of memory.
struct Weight {
  std::size_t rows = 0;
  std::size_t texts = 0;
};

Weight weight_of(const FlowBatch& batch) {
  Weight weight{batch.flows.size(), batch.why.size()};
  for (const auto& source : batch.sources) weight.texts += source.size();
  for (const auto& row : batch.flows) {
    for (const auto* text : {&row.listener, &row.program, &row.container, &row.protocol, &row.destination, &row.country, &row.organisation,
                             &row.interface, &row.way}) {
      weight.texts += text->size();
    }
  }
  return weight;
}

struct Waiting {
  AdmittedFlows admitted;
  std::function<void(FlowResult)> done;
  Weight weight{};
};

class FlowThread final : public FlowEngine {
 public:
  FlowThread(std::unique_ptr<FlowStore> store, std::unique_ptr<FlowReader> reader, FlowEngineOptions options)
      : options_(std::move(options)), store_(std::move(store)), reader_(std::move(reader)) {
    next_write_ = next_maintenance_ = mono_now() + options_.write_pause;
    thread_ = std::thread([this] { run(); });
  }
  ~FlowThread() override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_one();
    thread_.join();
  }
  FlowThread(const FlowThread&) = delete;
  FlowThread& operator=(const FlowThread&) = delete;

  bool submit(AdmittedFlows admitted, std::function<void(FlowResult)> done) override {
    const auto weight = weight_of(admitted.batch);
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || !has_room(weight)) return false;
      ++batches_;
      waiting_.rows += weight.rows;
      waiting_.texts += weight.texts;
      queue_.push_back({std::move(admitted), std::move(done), weight});
    }
    ready_.notify_one();
    return true;
  }

  bool query(std::function<void(FlowReader&)> question) override { return reader_.ask(std::move(question)); }
  const ActiveFlows& active() const override { return active_; }
  std::uint64_t taken_rows() const override { return taken_rows_; }
  bool healthy() const override { return healthy_; }

 private:
  void run() {
    for (bool last = false; !last;) {
      auto batches = take(last);
      for (auto& waiting : batches) {
        add(waiting);
        forget(waiting.weight);
        // A burst is no reason to refuse what comes after it.
        if (healthy_ && store_->waiting() >= worth_writing) write();
      }
      const auto now = mono_now();
      if (last || now >= next_write_) write();
      if (!last && now >= next_maintenance_) maintain();
    }
  }

  std::vector<Waiting> take(bool& last) {
    std::unique_lock lock(mutex_);
    ready_.wait_until(lock, std::min(next_write_, next_maintenance_), [this] { return closed_ || !queue_.empty(); });
    last = closed_;
    return std::exchange(queue_, {});
  }

  /// With the lock. What was taken out and is not added yet counts, too.
  [[nodiscard]] bool has_room(const Weight& more) const {
    return batches_ < options_.queue_bound && waiting_.rows + more.rows <= options_.queue_rows &&
           waiting_.texts + more.texts <= options_.queue_texts;
  }

  void forget(const Weight& weight) {
    const std::lock_guard lock(mutex_);
    --batches_;
    waiting_.rows -= weight.rows;
    waiting_.texts -= weight.texts;
  }

  void add(Waiting& waiting) {
    auto& admitted = waiting.admitted;
    const auto& done = waiting.done;
    // While nothing can be written nothing is promised: who has it keeps it, or counts it as lost.
    if (!healthy_) return done(disk_full_ ? FlowResult::disk_full : FlowResult::not_taken);
    const auto added = store_->add(admitted.batch, admitted.received);
    if (!added) return done(FlowResult::too_many);
    if (*added) {
      taken_rows_ += admitted.batch.flows.size();
      active_.put(std::move(admitted.batch), options_.now());
    }
    done(*added ? FlowResult::taken : FlowResult::duplicate);
  }

  void write() {
    const auto written = store_->write();
    next_write_ = mono_now() + (written ? options_.write_pause : trouble_pause);
    disk_full_ = !written && written.error().kind == Error::Kind::no_space;
    const bool was_healthy = healthy_.exchange(written.has_value());
    if (written && !was_healthy) tell("flows are written again");
    if (!written && was_healthy) tell("flows cannot be written, probes are told to try again: " + written.error().message);
  }

  void maintain() {
    auto retention = options_.retention;
    retention.now = options_.now();
    const auto more = store_->maintain(retention);
    next_maintenance_ = mono_now() + (more && *more ? std::chrono::milliseconds{20} : options_.maintenance_pause);
    if (!more && maintenance_works_) tell("old flows cannot be removed: " + more.error().message);
    maintenance_works_ = more.has_value();
  }

  void tell(const std::string& sentence) {
    if (options_.on_trouble) options_.on_trouble(sentence);
  }

  FlowEngineOptions options_;
  ActiveFlows active_;
  std::atomic<std::uint64_t> taken_rows_{0};
  std::atomic<bool> healthy_{true};
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Waiting> queue_;
  std::size_t batches_ = 0;
  Weight waiting_{};
  bool closed_ = false;

  // Only the engine's thread from here on.
  std::unique_ptr<FlowStore> store_;
  BasicReadThread<FlowReader> reader_;
  MonoTime next_write_{};
  MonoTime next_maintenance_{};
  bool disk_full_ = false;
  bool maintenance_works_ = true;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<FlowEngine>> FlowEngine::start(std::unique_ptr<FlowStore> store, FlowEngineOptions options) {
  auto reader = store->open_reader();
  if (!reader) return fail(reader.error());
  return std::make_unique<FlowThread>(std::move(store), std::move(*reader), std::move(options));
}

}  // namespace vpn_sentinel
