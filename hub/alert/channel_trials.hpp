/// Attempts with a channel that somebody asked for while the hub runs: each on a thread of its own, beside the channel's own queue.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

#include "hub/alert/channel.hpp"
#include "hub/alert/notice.hpp"
#include "hub/alert/protocol.hpp"

namespace vpn_sentinel {

class ChannelTrials {
 public:
  /// So many at once.
  static constexpr std::size_t most = 4;
  /// What became of it, and how long that took. Called once, on the thread of the attempt; must not end this object.
  using Done = std::function<void(const Delivery& delivery, std::chrono::milliseconds took)>;

  ChannelTrials() = default;
  ~ChannelTrials() { stop(); }
  ChannelTrials(const ChannelTrials&) = delete;
  ChannelTrials& operator=(const ChannelTrials&) = delete;

  /// Begins an attempt (try_channel()) and returns. False: too many are under way, or stop() was called; `done` is not called. Any thread.
  [[nodiscard]] bool start(ChannelConfig channel, Notice notice, Done done);
  /// Those under way are given up at once and answered so; none begins any more.
  void stop();

 private:
  struct Slot {
    std::atomic<bool> busy{false};
    std::jthread thread;
  };

  std::mutex mutex_;
  bool stopped_ = false;
  std::array<Slot, most> slots_;
};

}  // namespace vpn_sentinel
