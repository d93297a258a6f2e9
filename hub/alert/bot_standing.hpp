/// How a bot stands, for pages of health on other threads; and what of it is news for the log.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "hub/alert/telegram_bot.hpp"

namespace vpn_sentinel {

class BotStanding {
 public:
  [[nodiscard]] TelegramBot::Standing now() const {
    const std::lock_guard lock(mutex_);
    auto standing = standing_;
    standing.conflict = in_conflict();
    return standing;
  }
  void answered() {
    const std::lock_guard lock(mutex_);
    ++standing_.answered;
  }

  /// A question was answered. True: it had not worked, which is over. With two hubs each has an answer now and then: that ends no conflict.
  bool works(std::size_t updates) {
    const std::lock_guard lock(mutex_);
    standing_.works = true;
    standing_.updates += updates;
    const bool was_bad = !std::exchange(standing_.trouble, {}).empty();
    if (!in_conflict()) conflict_at_.reset();
    return was_bad && !conflict_at_;
  }
  /// True: it begins.
  bool trouble(std::string reason) {
    const std::lock_guard lock(mutex_);
    standing_.works = false;
    return std::exchange(standing_.trouble, std::move(reason)).empty();
  }
  /// The same.
  bool conflict(std::string reason) {
    const std::lock_guard lock(mutex_);
    const bool begins = !in_conflict();
    conflict_at_ = mono_now();
    standing_.works = false;
    standing_.trouble = std::move(reason);
    return begins;
  }

 private:
  static constexpr std::chrono::minutes conflict_lasts{10};
  [[nodiscard]] bool in_conflict() const { return conflict_at_ && mono_now() - *conflict_at_ < conflict_lasts; }

  mutable std::mutex mutex_;
  TelegramBot::Standing standing_;
  std::optional<MonoTime> conflict_at_;
};

}  // namespace vpn_sentinel
