/// Questions to the store's read side, answered one after the other on a thread of their own: the writer never waits for a reader.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <thread>

#include "hub/store/reader.hpp"
#include "netns/base/bounded_queue.hpp"

namespace vpn_sentinel {

class ReadThread {
 public:
  using Job = std::function<void(StoreReader&)>;
  static constexpr std::size_t most_waiting = 1'000;

  explicit ReadThread(std::unique_ptr<StoreReader> reader) : reader_(std::move(reader)), thread_([this] { run(); }) {}
  /// Answers what waits, then ends.
  ~ReadThread() {
    jobs_.close();
    thread_.join();
  }
  ReadThread(const ReadThread&) = delete;
  ReadThread& operator=(const ReadThread&) = delete;

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

  std::unique_ptr<StoreReader> reader_;
  BoundedQueue<Job> jobs_{most_waiting};
  std::thread thread_;
};

}  // namespace vpn_sentinel
