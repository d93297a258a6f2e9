/// The Telegram bots of the hub: one for each token, with what they may ask of the engine and do in it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/telegram_bot.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/health.hpp"

namespace vpn_sentinel {

/// What the bots share. Its functions are called on the bots' threads.
struct BotSurroundings {
  Engine& engine;  ///< must outlive BotHost::stop()
  std::string data_dir;
  std::function<std::size_t()> waiting;  ///< messages of all channels that are not delivered
  /// A change that somebody made by a bot, as the audit log has it.
  std::function<void(const std::string& who, std::string_view action, const std::string& target)> audit;
};

class BotHost {
 public:
  /// Once, before apply().
  void start(std::vector<TelegramBotOptions> bots, BotSurroundings surroundings);
  /// Other bots from now on. One whose options stay goes on as if nothing were; an answer that is on its way has two seconds. From the
  /// thread of start().
  void apply(std::vector<TelegramBotOptions> bots);
  void stop();
  /// Empty: nobody answers commands. From any thread.
  [[nodiscard]] std::vector<HealthComponent> health() const;

 private:
  struct Running {
    TelegramBotOptions options;
    std::unique_ptr<TelegramBot> bot;
  };
  void run(TelegramBotOptions options);

  BotActions actions_;
  std::string data_dir_;
  mutable std::mutex mutex_;  ///< the pages of health come before the bots
  std::vector<Running> bots_;
};

/// What the bots may do. Each waits for the engine five seconds at most.
[[nodiscard]] BotActions bot_actions(const BotSurroundings& surroundings);

}  // namespace vpn_sentinel
