/// The bot that answers: asks the Bot API for updates (getUpdates, long polling) and answers them one after the other, on a thread of its
/// own, so that nothing of it holds up alerts.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/bot_talk.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// How far the bot has come; kept over a restart, so that nothing is answered twice or not at all.
struct BotPlace {
  std::int64_t bot = 0;    ///< the bot's own number: another bot counts anew
  std::int64_t next = 0;   ///< the first update that is not done
  std::int64_t begun = 0;  ///< an update whose answer was on its way: whether it came is not known; 0: none
  WallTime at{};
  friend bool operator==(const BotPlace&, const BotPlace&) = default;
};

struct TelegramBotOptions {
  std::string api_url = "https://api.telegram.org";
  std::string bot_token;
  std::vector<BotChatRule> chats;
  std::string ca_file;            ///< PEM bundle; empty: the system's
  std::chrono::seconds poll{25};  ///< how long the server may hold a question back
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds first_retry{1'000};
  std::chrono::milliseconds most_retry{60'000};
  std::chrono::milliseconds conflict_pause{30'000};  ///< somebody else asks with the same token
  friend bool operator==(const TelegramBotOptions&, const TelegramBotOptions&) = default;
};

class TelegramBot {
 public:
  struct Hooks {
    BotActions actions;
    /// Nullopt: it was never kept. An Error: it cannot be read.
    std::function<Result<std::optional<BotPlace>>()> load;
    std::function<Result<void>(const BotPlace&)> save;
    /// For the log, on the bot's thread; never holds the token. `bad`: somebody should do something.
    std::function<void(std::string_view event, const std::string& message, bool bad)> note;
  };
  struct Standing {
    bool works = false;          ///< the last question was answered
    bool conflict = false;       ///< within the last minutes somebody else asked with the same token, or a webhook is set
    std::uint64_t answered = 0;  ///< messages sent
    std::uint64_t updates = 0;
    std::string trouble;  ///< why it does not work; empty: it does, or has not begun
  };

  virtual ~TelegramBot() = default;                     ///< an answer that is on its way has two seconds
  [[nodiscard]] virtual Standing standing() const = 0;  ///< from any thread

  [[nodiscard]] static std::unique_ptr<TelegramBot> start(TelegramBotOptions options, Hooks hooks);
};

}  // namespace vpn_sentinel
