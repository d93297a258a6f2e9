/// The Telegram bots of the hub: one for each token, with what they may ask of the engine and do in it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/alert/telegram_bot.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/health.hpp"

namespace vpn_sentinel {

class BotHost {
 public:
  /// `engine` must outlive stop(). `waiting`: messages of all channels that are not delivered; from any thread.
  void start(std::vector<TelegramBotOptions> bots, Engine& engine, const std::string& data_dir, std::function<std::size_t()> waiting);
  void stop();
  /// Empty: nobody answers commands. From any thread.
  [[nodiscard]] std::vector<HealthComponent> health() const;

 private:
  mutable std::mutex mutex_;  ///< the pages of health come before the bots
  std::vector<std::unique_ptr<TelegramBot>> bots_;
};

/// What the bots may do. Each waits for the engine five seconds at most.
[[nodiscard]] BotActions bot_actions(Engine& engine, std::function<std::size_t()> waiting);

}  // namespace vpn_sentinel
