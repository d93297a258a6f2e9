/// Questions to the store's read side, answered one after the other on a thread of their own: the writer never waits for a reader.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <thread>

#include "hub/store/reader.hpp"
#include "netns/base/bounded_queue.hpp"

namespace vpn_sentinel {

template <typename Reader>
class BasicReadThread {
 public:
  using Job = std::function<void(Reader&)>;
  static constexpr std::size_t most_waiting = 1'000;

  explicit BasicReadThread(std::unique_ptr<Reader> reader) : reader_(std::move(reader)), thread_([this] { run(); }) {}
  /// Answers what waits, then ends.
  ~BasicReadThread() {
    jobs_.close();
    thread_.join();
  }
  BasicReadThread(const BasicReadThread&) = delete;
  BasicReadThread& operator=(const BasicReadThread&) = delete;

  /// From any thread. False: too many questions wait.
  [[nodiscard]] bool ask(Job job) { return jobs_.try_push(std::move(job)); }

 private:
  void run() {
    for (auto jobs = jobs_.take_all(); !jobs.empty(); jobs = jobs_.take_all()) {
      for (const auto& job : jobs) answer(job);
    }
  }

  /// One odd row, or no memory for one answer, must not end the hub: whoever asked has no answer in time, which is 503.
  void answer(const Job& job) {
    try {
      job(*reader_);
    } catch (const std::exception&) {
    }
  }

  std::unique_ptr<Reader> reader_;
  BoundedQueue<Job> jobs_{most_waiting};
  std::thread thread_;
};

using ReadThread = BasicReadThread<StoreReader>;

}  // namespace vpn_sentinel
