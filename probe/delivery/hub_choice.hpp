/// Which of several hubs gets the reports: the first that answers. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class HubChoice {
 public:
  /// Of `count` hubs, numbered from 0, the best first. With another one than the best, that one is tried again every `look_back`.
  HubChoice(std::size_t count, std::chrono::milliseconds look_back) noexcept : count_(count), look_back_(look_back) {}

  /// The order in which to ask them. A change goes where the last one was answered; a keepalive may be late, so it is the one that looks
  /// whether a better hub is back.
  [[nodiscard]] std::deque<std::size_t> order(bool is_change, MonoTime now) {
    const bool looks_back = !is_change && current_ != 0 && now >= look_again_;
    if (looks_back) look_again_ = now + look_back_;
    std::deque<std::size_t> hubs;
    if (!looks_back) hubs.push_back(current_);
    for (std::size_t hub = 0; hub < count_; ++hub) {
      if (looks_back || hub != current_) hubs.push_back(hub);
    }
    return hubs;
  }

  /// The one that answered last.
  [[nodiscard]] std::size_t current() const noexcept { return current_; }

  void answered(std::size_t hub, MonoTime now) noexcept {
    if (hub == current_) return;
    current_ = hub;
    look_again_ = now + look_back_;
  }

 private:
  std::size_t count_;
  std::chrono::milliseconds look_back_;
  std::size_t current_ = 0;
  MonoTime look_again_{};
};

}  // namespace vpn_sentinel
