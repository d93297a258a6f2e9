/// Holds back changes while too many come, so that a flood of messages is not a flood of calls: each call makes the listener look for
/// itself. What is held back becomes one change with the most telling cause. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/monitor/snapshot_store.hpp"

namespace vpn_sentinel {

class ChangeGate {
 public:
  /// This many changes pass at once, and one more in each `pace`.
  static constexpr int at_once = 64;
  static constexpr std::chrono::milliseconds pace{5};

  struct Pending {
    MonoTime received{};  ///< of the first message
    Telling telling = Telling::nothing;
    std::string cause;
    bool resynchronised = false;
  };

  void add(Pending change);
  /// What is to be told now. Empty: nothing happened, or it is too early, and then `again_in()` has a value.
  [[nodiscard]] std::optional<Pending> take(MonoTime now);
  /// How long what was added must wait; empty when nothing waits.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> again_in() const;

 private:
  std::optional<Pending> pending_;
  std::chrono::nanoseconds credit_ = at_once * pace;
  MonoTime counted_{};  ///< up to when `credit_` has grown
};

}  // namespace vpn_sentinel
