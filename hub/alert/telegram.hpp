/// Sends waiting messages to a Telegram chat by the Bot API (sendMessage), in order, with back-off. Runs on its own thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/store/store.hpp"

namespace vpn_sentinel {

struct TelegramOptions {
  std::string api_url = "https://api.telegram.org";
  std::string bot_token;
  std::string chat_id;
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds first_retry{1'000};
  std::chrono::milliseconds most_retry{60'000};
  std::string ca_file;  ///< PEM bundle; empty: the system's
};

class TelegramSender {
 public:
  struct Hooks {
    std::function<void(std::int64_t id)> on_delivered;
    /// `give_up`: the server refuses this text for good, also as plain text, and where its words do not say so it takes the next one. Else
    /// it is tried again: soon after trouble on the way, slowly when token or chat are wrong. Called on the sender's thread; the reason
    /// never holds the token.
    std::function<void(std::int64_t id, const std::string& reason, bool give_up)> on_failed;
  };
  virtual ~TelegramSender() = default;  ///< stops; what is undelivered stays in the store
  virtual void enqueue(std::vector<StoredAlert> alerts) = 0;

  [[nodiscard]] static std::unique_ptr<TelegramSender> start(TelegramOptions options, Hooks hooks);
};

}  // namespace vpn_sentinel
