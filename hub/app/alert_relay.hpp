/// Engine -> Telegram: holds alerts until the sender runs, reports back what became of them, and knows how it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/alert/telegram.hpp"
#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

class AlertRelay {
 public:
  /// The id of a message that the store does not know: nothing is noted of it, and it is lost when the hub ends.
  static constexpr std::int64_t unstored = 0;

  /// From any thread.
  void take(std::vector<StoredAlert> alerts);

  /// Starts the sender with what waited in the store. The engine must outlive stop().
  void start(const TelegramOptions& options, Engine& engine);
  /// What is undelivered stays in the store.
  void stop();

  struct Standing {
    bool on = false;
    std::size_t waiting = 0;
    bool failing = false;  ///< the last attempt failed
    std::uint64_t delivered = 0;
    std::uint64_t failures = 0;  ///< attempts
    std::uint64_t given_up = 0;
  };
  [[nodiscard]] Standing standing() const;

 private:
  void on_delivered(std::int64_t id, Engine& engine);
  void on_failed(std::int64_t id, const std::string& reason, bool give_up, Engine& engine);

  mutable std::mutex mutex_;
  std::unique_ptr<TelegramSender> sender_;
  std::vector<StoredAlert> held_;
  bool ended_ = false;
  std::size_t waiting_ = 0;
  bool failing_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t given_up_ = 0;
};

}  // namespace vpn_sentinel
