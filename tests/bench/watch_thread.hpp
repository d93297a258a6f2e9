/// The product's own watch on a loop of its own, as the daemon runs it, and when it told "danger".
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "probe/verdict/finding.hpp"
#include "tests/bench/timeline.hpp"

namespace vpn_sentinel {

class WatchThread {
 public:
  WatchThread();
  WatchThread(const WatchThread&) = delete;
  WatchThread& operator=(const WatchThread&) = delete;
  ~WatchThread();

  [[nodiscard]] bool secure() const noexcept { return state_.load() == State::secure; }
  [[nodiscard]] const Timeline& dangers() const noexcept { return dangers_; }
  /// When the first message of each bad burst was read.
  [[nodiscard]] const Timeline& heard() const noexcept { return heard_; }

  /// The loop does nothing from the return of hold() to release(); messages of the kernel wait in its socket.
  void hold();
  void release();

 private:
  void run();

  boost::asio::io_context io_{1};
  Timeline dangers_;
  Timeline heard_;
  std::atomic<State> state_{State::offline};
  std::atomic<bool> want_hold_{false};
  std::atomic<bool> held_{false};
  std::thread thread_;  ///< last: it uses all others
};

}  // namespace vpn_sentinel
