/// Messages to a Telegram chat by the Bot API (sendMessage).
#pragma once

#include <string>

#include "hub/alert/channel.hpp"
#include "hub/alert/protocol.hpp"

namespace vpn_sentinel {

struct TelegramOptions {
  std::string api_url = "https://api.telegram.org";
  std::string bot_token;
  std::string chat_id;
  std::string ca_file;  ///< PEM bundle; empty: the system's
};

/// The channel "telegram" of the hub's settings.
[[nodiscard]] ChannelConfig channel_of(const TelegramOptions& options);

/// `channel`: of kind telegram.
[[nodiscard]] MakeProtocol telegram_protocol(ChannelConfig channel);

}  // namespace vpn_sentinel
