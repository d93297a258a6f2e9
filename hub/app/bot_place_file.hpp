/// How far the Telegram bot has come, as a file in the data folder: it must be kept also while the database is busy or fails.
#pragma once

#include <optional>
#include <string>

#include "hub/alert/telegram_bot.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// "telegram-bot-1234.place", one for each bot.
[[nodiscard]] std::string bot_place_path(const std::string& data_dir, std::string_view bot_token);

/// Nullopt: there is no such file. The Error names the file and what is wrong with it.
[[nodiscard]] Result<std::optional<BotPlace>> read_bot_place(const std::string& path);

/// In the place of the file as a whole, on the disk when it returns.
[[nodiscard]] Result<void> write_bot_place(const std::string& path, const BotPlace& place);

}  // namespace vpn_sentinel
